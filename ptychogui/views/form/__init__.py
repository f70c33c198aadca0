"""The form of parameters, with an editor for each kind of value, and the preflight lights below it."""
