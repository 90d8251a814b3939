"""`subsrv check`, tried on applications and extension modules that have one fault each."""
