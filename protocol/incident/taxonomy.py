"""The words a report may use, each list small, closed and from a named source.

A :class:`Word` is a number on the wire and a word in a file.  Number 0 is always
*unknown*: it is a valid answer everywhere, and the one that is not written down.
A number is never reused; a word is never shown to a person without a catalogue.

Lists that others keep are carried in the form they publish, so that exports need no
second table; where each comes from stands at the list.
"""

import enum
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Self

from protocol.label import CAVEATS, SHORT, Caveat, Level


class Word(enum.IntEnum):
    """A number with its word: ``MEMBER = number, "word"``."""

    word: str

    def __new__(cls, number: int, word: str = "") -> Self:
        """Return the member of ``number``, called ``word`` in files."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.word = word
        return member


class Format(Word):
    """Versions of the file format that this version reads."""

    V1 = 1, "koerier-incident/1"


class Stage(Word):
    """How far the case is; each stage is a new signed version (no unknown one)."""

    ALERT = 0, "alert"
    EARLY_WARNING = 1, "early-warning"  # within 24 hours
    NOTIFICATION = 2, "notification"  # within 72 hours
    INTERIM = 3, "interim"
    FINAL = 4, "final"  # within a month
    CORRECTION = 9, "correction"


class Answer(Word):
    """To a question that can be answered with yes."""

    UNKNOWN = 0, "unknown"
    YES = 1, "yes"
    NO = 2, "no"


class Severity(Word):
    """As the post sees it now."""

    UNKNOWN = 0, "unknown"
    LOW = 1, "low"
    MEDIUM = 2, "medium"
    HIGH = 3, "high"
    CRITICAL = 4, "critical"


class Kind(Word):
    """First column of RSIT, the Reference Security Incident Taxonomy.

    Source: ENISA and TF-CSIRT, github.com/enisaeu/Reference-Security-Incident-Taxonomy.
    """

    UNKNOWN = 0, "unknown"
    ABUSIVE_CONTENT = 1, "Abusive Content"
    MALICIOUS_CODE = 2, "Malicious Code"
    INFORMATION_GATHERING = 3, "Information Gathering"
    INTRUSION_ATTEMPTS = 4, "Intrusion Attempts"
    INTRUSIONS = 5, "Intrusions"
    AVAILABILITY = 6, "Availability"
    INFORMATION_CONTENT_SECURITY = 7, "Information Content Security"
    FRAUD = 8, "Fraud"
    VULNERABLE = 9, "Vulnerable"
    OTHER = 10, "Other"
    TEST = 11, "Test"


class Status(Word):
    """Where the incident stands."""

    UNKNOWN = 0, "unknown"
    SUSPECTED = 1, "suspected"
    CONFIRMED = 2, "confirmed"
    ONGOING = 3, "ongoing"
    CONTAINED = 4, "contained"
    RESOLVED = 5, "resolved"
    FALSE_ALARM = 6, "false-alarm"


class Source(Word):
    """Who told the post."""

    UNKNOWN = 0, "unknown"
    OWN_OBSERVATION = 1, "own-observation"
    HOST_STATE = 2, "host-state"
    PARTNER = 3, "partner"
    SUPPLIER = 4, "supplier"
    MEDIA = 5, "media"
    PUBLIC = 6, "public"
    OTHER = 7, "other"


class Interest(Word):
    """Who is hit, from the Netherlands' point of view."""

    UNKNOWN = 0, "unknown"
    DUTCH_REPRESENTATION = 1, "dutch-representation"
    DUTCH_GOVERNMENT = 2, "dutch-government"
    DUTCH_COMPANY = 3, "dutch-company"
    DUTCH_CITIZEN = 4, "dutch-citizen"
    HOST_GOVERNMENT = 5, "host-government"
    HOST_OTHER = 6, "host-other"
    THIRD_STATE = 7, "third-state"
    INTERNATIONAL_ORGANISATION = 8, "international-organisation"


class Sector(Word):
    """Sectors of the annexes of NIS2 (Directive (EU) 2022/2555)."""

    UNKNOWN = 0, "unknown"
    ENERGY = 1, "energy"
    TRANSPORT = 2, "transport"
    BANKING = 3, "banking"
    FINANCIAL_MARKETS = 4, "financial-market-infrastructures"
    HEALTH = 5, "health"
    DRINKING_WATER = 6, "drinking-water"
    WASTE_WATER = 7, "waste-water"
    DIGITAL_INFRASTRUCTURE = 8, "digital-infrastructure"
    ICT_SERVICE_MANAGEMENT = 9, "ict-service-management"
    PUBLIC_ADMINISTRATION = 10, "public-administration"
    SPACE = 11, "space"
    POSTAL = 12, "postal-and-courier"
    WASTE_MANAGEMENT = 13, "waste-management"
    CHEMICALS = 14, "chemicals"
    FOOD = 15, "food"
    MANUFACTURING = 16, "manufacturing"
    DIGITAL_PROVIDERS = 17, "digital-providers"
    RESEARCH = 18, "research"


class Effect(Word):
    """Kinds of impact; those of others as in the STIX 2.1 incident extension (OASIS).

    After the technical three come the values of its open list of external impacts.
    """

    UNKNOWN = 0, "unknown"
    AVAILABILITY = 1, "availability"
    CONFIDENTIALITY = 2, "confidentiality"
    INTEGRITY = 3, "integrity"
    PHYSICAL = 4, "physical"
    MONETARY = 5, "monetary"
    ECONOMIC = 6, "economic"
    EMERGENCY_SERVICES = 7, "emergency-services"
    FOREIGN_RELATIONS = 8, "foreign-relations"
    NATIONAL_SECURITY = 9, "national-security"
    PUBLIC_CONFIDENCE = 10, "public-confidence"
    PUBLIC_HEALTH = 11, "public-health"
    PUBLIC_SAFETY = 12, "public-safety"


class Tlp(Word):
    """Traffic Light Protocol 2.0 (FIRST).  It never replaces the classification."""

    UNKNOWN = 0, "unknown"
    CLEAR = 1, "TLP:CLEAR"
    GREEN = 2, "TLP:GREEN"
    AMBER = 3, "TLP:AMBER"
    AMBER_STRICT = 4, "TLP:AMBER+STRICT"
    RED = 5, "TLP:RED"


class Pap(Word):
    """Permissible Actions Protocol, with CLEAR as in its present form."""

    UNKNOWN = 0, "unknown"
    CLEAR = 1, "PAP:CLEAR"
    GREEN = 2, "PAP:GREEN"
    AMBER = 3, "PAP:AMBER"
    RED = 4, "PAP:RED"


class IndicatorType(Word):
    """Names of MISP attribute types (misp-project.org, core format)."""

    TEXT = 1, "text"
    COMMENT = 2, "comment"
    OTHER = 3, "other"
    MD5 = 4, "md5"
    SHA1 = 5, "sha1"
    SHA256 = 6, "sha256"
    SHA512 = 7, "sha512"
    SSDEEP = 8, "ssdeep"
    FILENAME = 9, "filename"
    IP_SRC = 10, "ip-src"
    IP_DST = 11, "ip-dst"
    DOMAIN = 12, "domain"
    HOSTNAME = 13, "hostname"
    URL = 14, "url"
    URI = 15, "uri"
    USER_AGENT = 16, "user-agent"
    EMAIL = 17, "email"
    EMAIL_SRC = 18, "email-src"
    EMAIL_DST = 19, "email-dst"
    EMAIL_SUBJECT = 20, "email-subject"
    EMAIL_ATTACHMENT = 21, "email-attachment"
    VULNERABILITY = 22, "vulnerability"
    WEAKNESS = 23, "weakness"
    MALWARE_SAMPLE = 24, "malware-sample"
    JA3 = 25, "ja3-fingerprint-md5"
    X509_SHA1 = 26, "x509-fingerprint-sha1"
    X509_SHA256 = 27, "x509-fingerprint-sha256"
    AS = 28, "AS"
    MAC_ADDRESS = 29, "mac-address"
    MUTEX = 30, "mutex"
    NAMED_PIPE = 31, "named pipe"
    REGKEY = 32, "regkey"
    YARA = 33, "yara"
    SIGMA = 34, "sigma"
    SNORT = 35, "snort"
    PORT = 36, "port"
    PHONE_NUMBER = 37, "phone-number"
    THREAT_ACTOR = 38, "threat-actor"
    CAMPAIGN = 39, "campaign-name"
    LINK = 40, "link"


class Responsibility(Word):
    """A state's part: the ten steps of J. Healey's spectrum (Atlantic Council)."""

    UNKNOWN = 0, "unknown"
    PROHIBITED = 1, "state-prohibited"
    PROHIBITED_INADEQUATE = 2, "state-prohibited-but-inadequate"
    IGNORED = 3, "state-ignored"
    ENCOURAGED = 4, "state-encouraged"
    SHAPED = 5, "state-shaped"
    COORDINATED = 6, "state-coordinated"
    ORDERED = 7, "state-ordered"
    ROGUE_CONDUCTED = 8, "state-rogue-conducted"
    EXECUTED = 9, "state-executed"
    INTEGRATED = 10, "state-integrated"


class Likelihood(Word):
    """Words of estimative probability (Intelligence Community Directive 203)."""

    UNKNOWN = 0, "unknown"
    ALMOST_NO_CHANCE = 1, "almost-no-chance"
    VERY_UNLIKELY = 2, "very-unlikely"
    UNLIKELY = 3, "unlikely"
    EVEN_CHANCE = 4, "roughly-even-chance"
    LIKELY = 5, "likely"
    VERY_LIKELY = 6, "very-likely"
    ALMOST_CERTAIN = 7, "almost-certain"


class Confidence(Word):
    """In the judgement, not in the event."""

    UNKNOWN = 0, "unknown"
    LOW = 1, "low"
    MODERATE = 2, "moderate"
    HIGH = 3, "high"


class Request(Word):
    """What is asked of the Taskforce Cyber."""

    UNKNOWN = 0, "unknown"
    CALL = 1, "call"
    ADVICE = 2, "advice"
    ACTION = 3, "action"
    INFORMATION = 4, "information"  # nothing: for information only


# By type, since members of different lists are equal where their numbers are.
_SPELLED: Final[Mapping[type, Mapping[Any, str]]] = MappingProxyType(
    {Level: SHORT, Caveat: CAVEATS}
)


def word(member: enum.IntEnum) -> str:
    """Return the word of a member in files.

    Raises:
        KeyError: it is of no list of words, a caller's bug.
    """
    if isinstance(member, Word):
        return member.word
    return _SPELLED[type(member)][member]


@cache
def words(kind: type[enum.IntEnum]) -> Mapping[str, enum.IntEnum]:
    """Return the words of a list and what each stands for, in order of number."""
    return MappingProxyType({word(member): member for member in kind})
