"""Several tasks for one network: a head and a loss each, weighted by how hard they are."""
