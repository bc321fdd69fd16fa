"""The graphs on this machine, by the local runner of kfp."""
