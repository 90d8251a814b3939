"""What messages between isolates cost, beside what else Python has for it."""
