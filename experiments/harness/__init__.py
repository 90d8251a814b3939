"""What every experiment needs: servers to start, load to put on them, CPU and memory to read."""
