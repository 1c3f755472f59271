"""`python -m oms.embedded status|stop|delete`: for a person who wants to look or to have it gone."""

import sys

from oms.embedded import place, postgres, services, valkey


def main(words: list[str]) -> int:
    actions = {"stop": services.stop, "delete": services.delete}
    if len(words) == 1 and words[0] in actions:
        actions[words[0]]()
        return 0
    here = place.Place.current()
    for service in (postgres, valkey):
        name = service.__name__.rsplit(".", 1)[-1]
        sys.stdout.write(f"{name}: {'up, process ' + str(service.pid(here)) if service.is_up(here) else 'down'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
