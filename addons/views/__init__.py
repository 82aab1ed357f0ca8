"""What a person reads of a flow: the conversation, what became of the request on its way, and its body to edit."""
