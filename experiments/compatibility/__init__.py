"""Which packages load in interpreters with their own GIL, and which leave the GIL off."""
