"""Sides: the engines that are compared, each as a worker process with the same pipe to whoever measures it."""
