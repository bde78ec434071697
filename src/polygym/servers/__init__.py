"""What people subclass: resources, agent and model servers. They know no transport."""
