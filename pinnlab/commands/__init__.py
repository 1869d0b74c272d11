"""What the command line is made of: arguments, runs with progress, and what is told of the outcome."""
