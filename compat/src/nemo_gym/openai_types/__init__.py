"""The messages of OpenAI's two dialects as pydantic types, with the token fields that trainers need."""
