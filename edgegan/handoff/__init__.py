"""The folder ``handoff/`` of a bundle: all that a mobile engineer needs, who knows nothing of edgegan."""
