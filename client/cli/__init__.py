"""What a person types, and the words that come back."""
