"""The isolates of applications: one contract, and every kind that this interpreter can have."""
