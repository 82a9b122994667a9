"""OPPORTUNITY and Opportunity++: settings, native files and their origin."""
