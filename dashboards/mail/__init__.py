"""The daily mail: what a subscription's readers are told, in their language, as text and HTML with pictures inside."""
