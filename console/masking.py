"""What of a person each role gets to see, and that nothing of it stays behind in the browser."""

from django.views.decorators.cache import cache_control

from oms.permissions import staff_may

# For views: whoever logs in later must not get people's data from the browser's cache.
private = cache_control(no_store=True, private=True)


def sees_people(role: str) -> bool:
    return staff_may(role, "customer.read")


def meets_people(role: str) -> bool:
    """Whether this role sees people or at least hands things over to them, and so must tell one from another."""
    return sees_people(role) or staff_may(role, "order.ship")


def person(name: str, role: str) -> str:
    """A name for this role: whole, "Greg S." for who hands over, "G. S." for everybody else."""
    words = name.split()
    if sees_people(role) or not words:
        return name
    if meets_people(role):
        return " ".join([words[0], *(f"{word[0]}." for word in words[-1:] if len(words) > 1)])
    return " ".join(f"{word[0]}." for word in (words[0], *words[1:][-1:]))
