"""What the companies are made of: names, teams, subjects, sentences. Plain data, all of it made up."""

COMPANY_NAMES = (
    *("Alderwick", "Brightmoor", "Copperlane", "Dovetree", "Eastmarch", "Fernhollow", "Glasswater", "Harrowgate"),
    *("Ironbrook", "Juniper Row", "Kestrel Bay", "Larkfield", "Millstone", "Northbeam", "Oakhaven", "Pinewatch"),
    *("Quillbrook", "Redcliff", "Silverton", "Thornbury", "Umberfield", "Valecross", "Windmere", "Yewdale"),
    *("Ashgrove", "Birchwood", "Cloverhill", "Driftmoor", "Emberley", "Foxbridge", "Greystone", "Hazelmoor"),
)

STAFF_FIRST_NAMES = (
    *("Adele", "Bram", "Celia", "Dmitri", "Esme", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lorenz"),
    *("Mirela", "Nadim", "Ottilie", "Piet", "Quinn", "Rosa", "Stellan", "Tamsin", "Umar", "Vera", "Wilhelm", "Xenia"),
    *("Yusuf", "Zora", "Anouk", "Basil", "Corin", "Delphine", "Emeka", "Freya", "Gideon", "Hanneke", "Ivo", "Judit"),
)
STAFF_LAST_NAMES = (
    *("Abara", "Berglund", "Castellan", "Dorsey", "Eklund", "Fontaine", "Garrick", "Holloway", "Ibsen", "Jankowski"),
    *("Kimura", "Lindqvist", "Marchetti", "Novak", "Okafor", "Pemberton", "Quist", "Rahimi", "Sorensen", "Tavares"),
    *("Ulrich", "Vasquez", "Whitlock", "Xanthis", "Yilmaz", "Zeller", "Ashdown", "Brandt", "Corvin", "Duarte"),
    *("Engel", "Falk", "Grimaldi", "Haas", "Iversen", "Jessop"),
)
OUTSIDE_FIRST_NAMES = (
    *("Alina", "Boris", "Carmen", "Derek", "Elena", "Felix", "Gwen", "Henrik", "Isla", "Jamal", "Karin", "Leandro"),
    *("Mona", "Nils", "Olga", "Pavel", "Rhea", "Samir", "Thea", "Ugo", "Viola", "Wendell", "Yara", "Zeno"),
)
OUTSIDE_LAST_NAMES = (
    *("Albrecht", "Bianchi", "Cortez", "Drummond", "Espinoza", "Farrow", "Gallagher", "Hinze", "Ingram", "Jorgensen"),
    *("Kowalski", "Lombard", "Mendoza", "Nystrom", "Ostrander", "Pascal", "Radcliffe", "Stavros", "Thorne", "Urquhart"),
    *("Voss", "Wexler", "Yardley", "Zamora"),
)
ORGANISATIONS = (
    *("Amber Foods", "Bluestone Legal", "Cedar Clinics", "Delta Freight", "Elm Street Bakery", "Falcon Sports"),
    *("Granite Builders", "Harbour Hotels", "Indigo Travel", "Jasper Optics", "Kiln Ceramics", "Lumen Energy"),
    *("Maple Schools", "Nimbus Air", "Orchard Markets", "Prairie Bank", "Quarry Tools", "Riverside Vets"),
    *("Saffron Kitchens", "Tidal Shipping", "Umber Paints", "Violet Media", "Willow Textiles", "Yarrow Farms"),
)

TEAMS = ("Design", "Engineering", "Finance", "Marketing", "Operations", "Sales", "Support")
BOARDS = ("Back office", "Data platform", "Mobile app", "Website")
STAGES = ("Backlog", "In progress", "In review", "Done")
STATUSES = ("Lead", "Qualified", "Proposal", "Won", "Lost")
PRODUCTS = ("Consulting", "Hardware", "Software", "Support plan", "Training")
SOURCES = ("direct", "newsletter", "referral", "search", "social")

SUBJECT_OPENINGS = (
    *("Draft of the", "Question about the", "Update on the", "Changes to the", "Feedback on the", "Reminder about the"),
    *("Next steps for the", "Numbers for the", "Invitation to the", "Problem with the", "Final version of the"),
)
SUBJECT_TOPICS = (
    *("budget plan", "supplier contract", "office move", "travel policy", "press release", "price list"),
    *("onboarding guide", "security audit", "annual report", "hiring round", "customer survey", "spring campaign"),
    *("partner day", "training calendar", "invoice run", "warehouse lease", "brand book", "staff lunch"),
    *("support handbook", "data migration", "trade fair", "product tour", "newsletter", "phone contract"),
)
BODY_OPENINGS = (
    "I went through it this morning and most of it looks settled.",
    "There is one open point that we should clear up soon.",
    "The figures have changed since we last spoke.",
    "Everyone who had to see it has seen it by now.",
    "I had hoped to be further along than this.",
    "This turned out to be simpler than we thought.",
    "Two of the pages still need another pair of eyes.",
    "The other side has come back to us at last.",
)
BODY_CLOSINGS = (
    "Tell me what you think when you have a minute.",
    "I would like to close this before the end of the week.",
    "No need to answer if you agree.",
    "Could you pass it on to whoever needs it?",
    "I will keep you posted.",
    "A short call would help.",
    "Please have a look at the last section.",
)

EVENT_TITLES = (
    *("Budget review", "Sprint planning", "Design critique", "Sales forecast", "Supplier call", "Hiring sync"),
    *(
        "Roadmap check",
        "Support handover",
        "Campaign kick-off",
        "Security briefing",
        "Quarterly outlook",
        "Contract talk",
    ),
    *(
        "Warehouse update",
        "Team retrospective",
        "Pricing round",
        "Customer panel",
        "Release rehearsal",
        "Risk register",
    ),
    *("Travel planning", "Survey results", "Brand workshop", "Data clinic", "Board preparation", "Invoice clearing"),
)
TASK_VERBS = (
    "Rewrite",
    "Check",
    "Translate",
    "Test",
    "Redesign",
    "Document",
    "Replace",
    "Speed up",
    "Tidy up",
    "Migrate",
)
TASK_OBJECTS = (
    *("the login page", "the price table", "the search index", "the export job", "the signup form", "the error pages"),
    *("the payment flow", "the image gallery", "the nightly backup", "the settings screen", "the invoice template"),
    *("the help centre", "the welcome tour", "the audit log", "the map view", "the cookie banner", "the sales report"),
    *("the stock feed", "the push messages", "the customer import", "the access rights", "the offline mode"),
)
CUSTOMER_NOTES = (
    *("Prefers calls before noon.", "Wants an offer in writing.", "Asked for a discount.", "Met at the trade fair."),
    *("Compares us with two others.", "Decides after the summer.", "Has used us before.", "Needs a longer trial."),
)

MESSAGES = (
    "Please send me the final figures by Thursday.",
    "Thank you, I agree with all of it.",
    "Can we talk about this on the phone tomorrow?",
    "I have to move this to next month.",
    "Please go ahead without me.",
    "The room on the second floor is booked for us.",
    "Legal has no objections, so we can sign.",
    "Please bring the printed plans along.",
    "I have put the files into the shared folder.",
    "Let us decide this together with Finance.",
)
MESSAGE_SUBJECTS = (
    *("Figures for the quarter", "Room booking", "Signed contract", "Plans for the stand", "Files for the audit"),
    *("Next steps", "Your question from Monday", "Change of plan", "Delivery dates", "Guest list"),
)
NEW_EVENTS = (
    *("Price talk", "Contract check", "Kick-off", "Walk-through", "Planning hour", "Review of the offer"),
    *("Status call", "Look at the figures", "Introduction", "Lessons learned", "Workload check", "Preparation"),
)
NEW_TASKS = (
    *("Prepare the stand plan", "Collect the delivery dates", "Write the release notes", "Order the test devices"),
    *("Draw up the guest list", "Compare the three offers", "Update the emergency plan", "Record the demo video"),
)
