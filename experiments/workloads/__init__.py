"""What servers are asked to do, in the shape of the profiles that HttpArena compares servers by."""
