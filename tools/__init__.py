"""Set-up and test running; standard library only, for any Python from 3.9."""
