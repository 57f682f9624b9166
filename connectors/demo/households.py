"""Child or schoolmate -> household registrations as the police keep them."""

from __future__ import annotations

from connectors.demo import plants
from connectors.demo.batch import Batch
from connectors.demo.citizen_id import broken
from connectors.demo.codes import Book
from connectors.demo.names import FEMALE_GIVEN, Draw, pick
from connectors.demo.people import Child, Person, World
from connectors.demo.places import Village

REASONS = (
    "UNPLANNED_BIRTH",
    "NO_BIRTH_CERTIFICATE",
    "ADOPTION_UNPROCESSED",
    "PAPERS_LOST",
    "FOREIGN_PARENT",
    "OTHER",
)


def write_household(world: World, chunk: int, child: Child, book: Book, batch: Batch) -> None:
    """Rows of a child on file: none where that is planted, two where the household moved."""
    if child.plant == "NO_HOUSEHOLD_RECORD":
        return
    child.known_to("public_security")
    person, variant = child.person, child.index // plants.CYCLE % 3
    name, birth, number = person.name, person.birth.isoformat().replace("-", ""), person.number
    if child.plant == "INVALID_CITIZEN_ID" and variant == 2 and number:
        number = broken(number)
    if child.plant == "IDENTITY_MISMATCH":
        name, birth = (name, _next_month(birth)) if variant == 2 else (_misspelt(name), birth)
    if child.index % 200 == 101:
        former = pick(child.draw, world.places.villages)
        _write(chunk, (person, name, birth, number), "CANCELLED", former, child.draw, book, batch)
    _write(chunk, (person, name, birth, number), _status(child), person.village, child.draw, book, batch)


def write_schoolmate_household(chunk: int, mate: Person, draw: Draw, book: Book, batch: Batch) -> None:
    """The household of a child who is not on file."""
    birth = mate.birth.isoformat().replace("-", "")
    _write(chunk, (mate, mate.name, birth, mate.number), "REGISTERED", mate.village, draw, book, batch)


def has_wrong_birth(child: Child) -> bool:
    """Whether the police hold another birthday than the number itself."""
    return child.plant == "IDENTITY_MISMATCH" and child.index // plants.CYCLE % 3 == 2


def _status(child: Child) -> str:
    if child.person.number is None:
        return "UNREGISTERED" if child.index // 100 % 3 else "PENDING"
    if child.plant == "HOUSEHOLD_STATUS_CONFLICT":
        return "CANCELLED" if child.index // plants.CYCLE % 2 else "PENDING"
    return "REGISTERED"


def _write(
    chunk: int,
    entered: tuple[Person, str, str, str | None],
    status: str,
    village: Village,
    draw: Draw,
    book: Book,
    batch: Batch,
) -> None:
    person, name, birth, number = entered
    heads = ("SON", "GRANDCHILD") if person.male else ("DAUGHTER", "GRANDCHILD")
    batch.table("public_security", "hj_czrk").append(
        (
            batch.key("public_security", "hj_czrk", chunk),
            person.numbered("public_security"),
            number,
            name,
            "1" if person.male else "2",
            birth,
            book["hkzt"][status],
            book["hklb"][
                "AGRICULTURAL" if draw() < 0.8 else "UNIFIED_RESIDENT" if draw() < 0.7 else "NON_AGRICULTURAL"
            ],
            book["jtgx"][heads[draw() < 0.4]],
            f"{village.address}{int(draw() * 400) + 1}号",
            village.code,
            book["whyy"][pick(draw, REASONS)] if status in ("UNREGISTERED", "PENDING") else None,
        )
    )


def _misspelt(name: str) -> str:
    """The name with another last character."""
    place = FEMALE_GIVEN.index(name[-1]) if name[-1] in FEMALE_GIVEN else 0
    return name[:-1] + FEMALE_GIVEN[(place + 1) % len(FEMALE_GIVEN)]


def _next_month(birth: str) -> str:
    month = int(birth[4:6]) % 12 + 1
    return f"{birth[:4]}{month:02d}{min(int(birth[6:]), 28):02d}"
