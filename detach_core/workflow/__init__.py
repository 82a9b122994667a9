"""The workflow behind the rules: stages with their files and settings, triggers of reruns, messages to the user."""
