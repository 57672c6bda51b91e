"""Fetching public data: what archives declare is downloaded, checked, and put into its place.

An archive (`neurokit.Archive`) says which files there are and what becomes of them; everything else
is done here, the same for all: going on where a connection broke, checksums, space, and files that
are whole or absent.
"""

from neurokit.fetching.bucket import list_bucket
from neurokit.fetching.fetch import Fetch, plan_fetch
from neurokit.fetching.members import take_members
from neurokit.fetching.remote import RemoteFile

__all__ = ["Fetch", "RemoteFile", "list_bucket", "plan_fetch", "take_members"]
