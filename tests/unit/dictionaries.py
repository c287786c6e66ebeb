"""Dictionaries that tests write."""


def write_dictionary(folder, encoding="utf-8", **tables):
    """Write tables into a folder, each given as its lines; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in tables.items():
        text = "\n".join(lines) + "\n"
        (folder / f"{name}.csv").write_bytes(text.encode(encoding))
    return folder


ITEMS = (
    "local_code,national_code,name,kind,ingredients,classes,antibiotic_grade,form,strength,strength_unit,pack_size,"
    "specification"
)
DOCTORS = ("practitioner_id,name,title,department_code", "D1,医师甲,主任医师,101", "D2,医师乙,,")
PRIVILEGES = ("practitioner_id,privilege,valid_from,valid_to", "D1,antibiotic_special,2026-01-28,")
