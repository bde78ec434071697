"""Facts that questions are made of. Each table gives one thing per line; what it says holds without a date."""

from typing import Final, NamedTuple


class Country(NamedTuple):
    """A country, its capital and where it lies."""

    name: str
    capital: str
    region: str


class Element(NamedTuple):
    """A chemical element."""

    number: int
    symbol: str
    name: str


COUNTRIES: Final = tuple(
    Country(name, capital, region)
    for region, lines in {
        "northern Europe": "Norway:Oslo Sweden:Stockholm Denmark:Copenhagen Finland:Helsinki Iceland:Reykjavik"
        " Estonia:Tallinn Latvia:Riga Lithuania:Vilnius Ireland:Dublin",
        "central Europe": "Germany:Berlin Austria:Vienna Switzerland:Bern Poland:Warsaw Czechia:Prague Hungary:Budapest"
        " Slovakia:Bratislava Slovenia:Ljubljana Belgium:Brussels Liechtenstein:Vaduz",
        "southern Europe": "Portugal:Lisbon Spain:Madrid Italy:Rome Greece:Athens Croatia:Zagreb Serbia:Belgrade"
        " Albania:Tirana Bulgaria:Sofia Romania:Bucharest Malta:Valletta",
        "South America": "Peru:Lima Chile:Santiago Colombia:Bogotá Ecuador:Quito Venezuela:Caracas Paraguay:Asunción"
        " Uruguay:Montevideo Brazil:Brasília Guyana:Georgetown Suriname:Paramaribo",
        "Africa": "Kenya:Nairobi Ethiopia:Addis_Ababa Ghana:Accra Senegal:Dakar Morocco:Rabat Tunisia:Tunis"
        " Uganda:Kampala Rwanda:Kigali Namibia:Windhoek Zambia:Lusaka Angola:Luanda Mali:Bamako",
        "Asia": "Japan:Tokyo Thailand:Bangkok Vietnam:Hanoi Mongolia:Ulaanbaatar Nepal:Kathmandu Bhutan:Thimphu"
        " Laos:Vientiane Cambodia:Phnom_Penh Bangladesh:Dhaka Uzbekistan:Tashkent Armenia:Yerevan Georgia:Tbilisi",
        "the Pacific": "Australia:Canberra New_Zealand:Wellington Fiji:Suva Samoa:Apia Tonga:Nuku'alofa Palau:Ngerulmud"
        " Vanuatu:Port_Vila Tuvalu:Funafuti",
    }.items()
    for name, _, capital in (line.replace("_", " ").partition(":") for line in lines.split())
)

_ELEMENTS: Final = (
    "H:hydrogen He:helium Li:lithium Be:beryllium B:boron C:carbon N:nitrogen O:oxygen F:fluorine Ne:neon Na:sodium"
    " Mg:magnesium Al:aluminium Si:silicon P:phosphorus S:sulfur Cl:chlorine Ar:argon K:potassium Ca:calcium"
    " Sc:scandium Ti:titanium V:vanadium Cr:chromium Mn:manganese Fe:iron Co:cobalt Ni:nickel Cu:copper Zn:zinc"
    " Ga:gallium Ge:germanium As:arsenic Se:selenium Br:bromine Kr:krypton Rb:rubidium Sr:strontium Y:yttrium"
    " Zr:zirconium Nb:niobium Mo:molybdenum Tc:technetium Ru:ruthenium Rh:rhodium Pd:palladium Ag:silver Cd:cadmium"
    " In:indium Sn:tin Sb:antimony Te:tellurium I:iodine Xe:xenon Cs:caesium Ba:barium"
)
ELEMENTS: Final = tuple(
    Element(number, *entry.split(":", 1)) for number, entry in enumerate(_ELEMENTS.split(), start=1)
)
"""In the order of their atomic numbers."""

PLANETS: Final = ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune")
"""In the order of their distance from the Sun."""

UNITS: Final = {
    ("minutes", "seconds"): 60,
    ("hours", "minutes"): 60,
    ("days", "hours"): 24,
    ("weeks", "days"): 7,
    ("weeks", "hours"): 168,
    ("kilometres", "metres"): 1000,
    ("metres", "centimetres"): 100,
    ("metres", "millimetres"): 1000,
    ("tonnes", "kilograms"): 1000,
    ("kilograms", "grams"): 1000,
    ("litres", "millilitres"): 1000,
    ("cubic metres", "litres"): 1000,
    ("hectares", "square metres"): 10_000,
    ("square metres", "square centimetres"): 10_000,
    ("feet", "inches"): 12,
    ("yards", "feet"): 3,
    ("miles", "yards"): 1760,
    ("pounds", "ounces"): 16,
    ("dozens", "pieces"): 12,
    ("bytes", "bits"): 8,
    ("kibibytes", "bytes"): 1024,
    ("decades", "years"): 10,
    ("centuries", "years"): 100,
}
"""How many of the second unit make one of the first."""

STATUS_CODES: Final = {
    "200": "OK",
    "201": "Created",
    "204": "No Content",
    "301": "Moved Permanently",
    "302": "Found",
    "304": "Not Modified",
    "400": "Bad Request",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "Not Found",
    "405": "Method Not Allowed",
    "409": "Conflict",
    "410": "Gone",
    "422": "Unprocessable Content",
    "429": "Too Many Requests",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Unavailable",
    "504": "Gateway Timeout",
}
"""Phrases of HTTP status codes. Source: RFC 9110 and RFC 6585."""

PORTS: Final = {
    "SSH": "22",
    "Telnet": "23",
    "SMTP": "25",
    "DNS": "53",
    "HTTP": "80",
    "POP3": "110",
    "NTP": "123",
    "IMAP": "143",
    "SNMP": "161",
    "LDAP": "389",
    "HTTPS": "443",
    "Syslog": "514",
}
"""Registered ports of services. Source: IANA."""

COMPLEXITIES: Final = {
    "looking up a key in a hash table, on average": "O(1)",
    "binary search in a sorted array": "O(log n)",
    "finding the largest entry of an unsorted array": "O(n)",
    "merge sort in the worst case": "O(n log n)",
    "insertion sort in the worst case": "O(n²)",
    "multiplying two n-by-n matrices by the schoolbook method": "O(n³)",
    "listing all subsets of n things": "O(2ⁿ · n)",
    "listing all orders of n things": "O(n! · n)",
}

COMPOUNDS: Final = {
    "water": "H₂O",
    "carbon dioxide": "CO₂",
    "carbon monoxide": "CO",
    "methane": "CH₄",
    "ammonia": "NH₃",
    "table salt": "NaCl",
    "ozone": "O₃",
    "hydrogen peroxide": "H₂O₂",
    "sulfuric acid": "H₂SO₄",
    "nitric acid": "HNO₃",
    "hydrochloric acid": "HCl",
    "calcium carbonate": "CaCO₃",
    "sodium hydroxide": "NaOH",
    "ethanol": "C₂H₅OH",
    "glucose": "C₆H₁₂O₆",
    "laughing gas": "N₂O",
    "silicon dioxide": "SiO₂",
    "propane": "C₃H₈",
}

SHAPES: Final = {
    "triangle": 3,
    "quadrilateral": 4,
    "pentagon": 5,
    "hexagon": 6,
    "heptagon": 7,
    "octagon": 8,
    "nonagon": 9,
    "decagon": 10,
    "dodecagon": 12,
}
"""Sides of polygons."""
