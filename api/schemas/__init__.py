"""What goes over the wire, a concept a module: requests are checked strictly, unknown keys are errors."""
