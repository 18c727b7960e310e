"""Tables and figures of the literature on our models, a command a document, the papers' numbers beside."""
