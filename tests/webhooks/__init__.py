"""The door: who may speak, what is understood, what it comes to."""
