"""Site profiles that the tests read messages by."""

PROFILES = {
    # One-digit levels; the care mode is what med_mdtrt_type says.
    "one_digit": """
        extends = "default"
        [codes.medins_lv]
        "2" = "secondary"
        [quirks]
        trusted_care_mode = "med_mdtrt_type"
    """,
    "no_internet": """
        extends = "default"
        [quirks]
        has_internet_hospital = false
    """,
    # rx_ids are new on every call.
    "new_ids": """
        extends = "default"
        [quirks]
        same_line = "content"
    """,
    "self_pay_by_level": """
        extends = "default"
        facilities = ["H99999999999"]
        [quirks]
        self_pay = [{ field = "hilist_lv", values = ["03", "3"] }]
    """,
}


def write_profiles(folder):
    folder.mkdir()
    for name, text in PROFILES.items():
        lines = [line.strip() for line in text.strip().splitlines()]
        (folder / f"{name}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
