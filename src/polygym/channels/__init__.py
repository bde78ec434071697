"""How a call reaches a server: a method call in this process, or HTTP. Servers cannot tell which."""
