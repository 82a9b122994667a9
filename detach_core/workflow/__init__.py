"""The workflow behind the rules: its stages, their files and settings, what reruns them, and what a user is told."""
