"""An application for each framework, alike where the frameworks are."""
