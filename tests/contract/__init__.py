"""The contract: what every mode does alike, proven over real sockets."""
