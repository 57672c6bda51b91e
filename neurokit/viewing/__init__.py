"""Looking at what a run made, in a browser of this machine."""
