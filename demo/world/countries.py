"""Country names of the invoice file as ISO codes, and where a parcel to each is held.

The retailer's home market moved from the United Kingdom to the United States, so invoices of "United Kingdom" (and
the 22 lines of "USA" and those "Unspecified") are sales at home. Buyers abroad keep their country; no data set here
holds addresses there and none is made up, so their parcels go poste restante to the capital's main post office.
"""

HOME = {"United Kingdom", "USA", "Unspecified"}

# file's name: (ISO 3166 alpha-2, city)
ABROAD = {
    "Australia": ("AU", "Canberra"),
    "Austria": ("AT", "Wien"),
    "Bahrain": ("BH", "Manama"),
    "Belgium": ("BE", "Bruxelles"),
    "Brazil": ("BR", "Brasília"),
    "Canada": ("CA", "Ottawa"),
    "Channel Islands": ("JE", "Saint Helier"),
    "Cyprus": ("CY", "Nicosia"),
    "Czech Republic": ("CZ", "Praha"),
    "Denmark": ("DK", "København"),
    "EIRE": ("IE", "Dublin"),
    "European Community": ("BE", "Bruxelles"),  # where its institutions sit
    "Finland": ("FI", "Helsinki"),
    "France": ("FR", "Paris"),
    "Germany": ("DE", "Berlin"),
    "Greece": ("GR", "Athina"),
    "Hong Kong": ("HK", "Hong Kong"),
    "Iceland": ("IS", "Reykjavík"),
    "Israel": ("IL", "Jerusalem"),
    "Italy": ("IT", "Roma"),
    "Japan": ("JP", "Tokyo"),
    "Lebanon": ("LB", "Beirut"),
    "Lithuania": ("LT", "Vilnius"),
    "Malta": ("MT", "Valletta"),
    "Netherlands": ("NL", "Amsterdam"),
    "Norway": ("NO", "Oslo"),
    "Poland": ("PL", "Warszawa"),
    "Portugal": ("PT", "Lisboa"),
    "Saudi Arabia": ("SA", "Riyadh"),
    "Singapore": ("SG", "Singapore"),
    "Spain": ("ES", "Madrid"),
    "Sweden": ("SE", "Stockholm"),
    "Switzerland": ("CH", "Bern"),
    "United Arab Emirates": ("AE", "Abu Dhabi"),
}
