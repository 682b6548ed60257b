"""What a feed of calls does while nobody sees it."""

from wellhead.control.feed import Feed


def is_looking(feed: Feed) -> bool:
    """Whether it looks at the books again and again."""
    return feed._looking is not None
