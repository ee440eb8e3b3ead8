"""Setup: registers the App on GitHub by its manifest flow and stores what GitHub answers.

Road: public URL -> manifest -> the person's browser -> GitHub -> code -> credentials -> a file or a Kubernetes Secret.
"""
