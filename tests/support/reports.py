"""Reports for tests: the least one, and one with something in every field."""

from protocol.incident.model import (
    Asked,
    Attribution,
    Awareness,
    Contact,
    Deadline,
    Diplomatic,
    Evidence,
    Felt,
    Impact,
    IncidentReport,
    Indicator,
    Sections,
    Victims,
    What,
)
from protocol.incident.taxonomy import (
    Answer,
    Confidence,
    Effect,
    IndicatorType,
    Interest,
    Kind,
    Likelihood,
    Pap,
    Request,
    Responsibility,
    Sector,
    Severity,
    Source,
    Stage,
    Status,
    Tlp,
)
from protocol.label import Caveat, Foreign, Label, Level

AWARE = 1_795_447_800  # 2026-11-23T15:30:00Z
DAY = 86_400
PLAIN = Label(level=Level.DEP_V, until=1_814_313_600)  # 2027-06-30
LEAST = Sections(
    title="Melding",
    aware_at=AWARE,
    what=What(text="Er is iets."),
    channel_in_doubt=Answer.UNKNOWN,
)
ALERT = IncidentReport(Stage.ALERT, PLAIN, LEAST)
FULL_LABEL = Label(
    level=Level.STG_C,
    until=PLAIN.until,
    events=("na afronding", "na vrijgave"),
    caveats=(Caveat.ORCON, Caveat.NLD_EYES_ONLY),
    releasable=("bern", "tfc"),
    foreign=(Foreign(scheme="EU", marking="CONFIDENTIEL UE/EU CONFIDENTIAL"),),
)
EVERYTHING = Sections(
    title="Titel",
    aware_at=AWARE,
    severity=Severity.HIGH,
    how_aware="Gebeld.",
    awareness=Awareness(source=Source.PARTNER, told_by="Een partner", grading="B2"),
    what=What(
        kind=Kind.MALICIOUS_CODE,
        status=Status.ONGOING,
        malicious=Answer.YES,
        cross_border=Answer.NO,
        text="Regel een.\nRegel twee.",
        affected=("mail", "web"),
        started_at=AWARE - DAY,
        ended_at=AWARE - 1,
    ),
    who_is_hit="Een bedrijf.",
    victims=Victims(
        interests=(Interest.DUTCH_COMPANY, Interest.HOST_GOVERNMENT),
        host_state="CH",
        sectors=(Sector.ENERGY, Sector.SPACE),
        third_states=("DE", "NO"),
    ),
    impact=Impact(
        now="Stil.",
        outlook="Onbekend hoe lang.",
        effects=(
            Felt(kind=Effect.FOREIGN_RELATIONS, severity=Severity.LOW, text="Brief."),
        ),
    ),
    indicators=(
        Indicator(
            type=IndicatorType.DOMAIN,
            value="voorbeeld.example",
            tlp=Tlp.AMBER_STRICT,
            pap=Pap.AMBER,
            source="Partner",
            first_seen=AWARE - DAY,
            last_seen=AWARE,
            note="Nog actief",
        ),
        Indicator(type=IndicatorType.JA3, value="00"),
    ),
    files=(
        Evidence(
            name="log.txt",
            sha256="0" * 64,
            size=0,
            tlp=Tlp.RED,
            pap=Pap.RED,
            note="Uitdraai",
        ),
    ),
    assessment="Waarschijnlijk opzet.",
    attribution=Attribution(
        actor="Onbekende groep",
        responsibility=Responsibility.SHAPED,
        likelihood=Likelihood.LIKELY,
        confidence=Confidence.LOW,
        alternatives=("storing",),
    ),
    diplomatic=Diplomatic(
        contacts=(Contact(who="Ministerie", at=AWARE, text="Weet van niets."),),
        host_stance="Afwachtend.",
        deadlines=(Deadline(at=AWARE + DAY, what="Overleg"),),
        options=("Wachten.", "Vragen stellen."),
        media="Stil.",
    ),
    asked_of_tfc=Asked(kind=Request.CALL, what="Bel ons.", by=AWARE + 3_600),
    channel_in_doubt=Answer.YES,
    channel_note="Bel de satelliettelefoon.",
    tear_line="Er is iets gaande.",
    tear_line_level=Level.DEP_V,
    case="2026-031",
    sources=("Een krant",),
)
FULL = IncidentReport(Stage.INTERIM, FULL_LABEL, EVERYTHING)
