"""What the national message and its `ext` objects say of the grown fact model: by field, by profile, by error."""

import copy
from datetime import date, datetime
from decimal import Decimal

import msgspec
import pytest

from ruleset.case import (
    Allergy,
    Attestation,
    Counter,
    Diagnosis,
    DiseaseProgram,
    Ingredient,
    Line,
    Observation,
    Operation,
    Site,
    Visit,
)
from ruleset.document import PLACED_FIELDS
from server.entrance.fields import GROUPS, NESTED
from server.entrance.national import read_message
from server.entrance.text import EntranceError
from server.profile import Profiles
from tests.web.messages import BED, CHILD_DRUG, camel_case, encounter, message, order, patient_of, visit_of

PROFILES = {
    "mapped": """
extends = "default"
insurance_year_begins = [7, 1]
complete_feeds = ["history", "allergies"]
holidays = [2026-10-01]
[departments]
"0203" = "A03"
"0299" = ""
[words.route]
"KF" = "口服"
"XX" = ""
[words.frequency]
"2" = "bid"
[codes.matn_stas]
"0" = ""
"1" = "pregnant"
"2" = "lactating"
[codes.purpose]
"3" = "prophylaxis"
""",
}


@pytest.fixture(scope="module")
def profiles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profiles")
    for name, text in PROFILES.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return Profiles(str(folder), "default")


@pytest.fixture
def read(profiles):
    def read_case(document, profile="default"):
        return read_message(document, "3101", profiles, profile).case

    return read_case


def one(**fields):
    return message([order(CHILD_DRUG, **fields)])


def of_patient(**fields):
    return message([order(CHILD_DRUG)], patient=fields, visit={"matn_stas": ""})


def of_visit(**fields):
    return message([order(CHILD_DRUG)], visit=fields)


def unknown(struct):
    return {(fact.fact, fact.value) for fact in struct.unknown_facts}


LINE_EXT = {
    "dose": "0.5",
    "dose_unit": "g",
    "freq": "bid",
    "freq_per_day": "2",
    "route": "iv gtt",
    "days": "3",
    "drip_rate": "60",
    "drip_rate_unit": "滴/分",
    "group": "G1",
    "purpose": "预防",
    "med_time": "2026-07-08 08:30:00",
    "skin_test": "阴性",
    "ingredients": [{"name": "头孢呋辛", "amount": "0.75", "unit": "g"}, "舒巴坦"],
    "classes": ["J01DC02"],
    "strength": "0.75",
    "strength_unit": "g",
    "pack_size": 10,
    "volume_ml": 100,
    "emergency_use": True,
    "herb_doses": 7,
    "self_pay": True,
}


class TestLines:
    def test_the_national_fields(self, read):
        (line,) = read(
            one(
                hilist_dosform="注射剂",
                spec="10mg*24片",
                chrg_type="09",
                hilist_pric="21.5000",
                drord_dr_profttl="4",
                drord_dept_codg="A03",
            )
        ).lines
        assert (line.form, line.specification, line.charge_kind) == ("注射剂", "10mg*24片", "09")
        assert (line.catalogue_price, line.practitioner_title, line.department_code) == (
            Decimal("21.5000"),
            "副主任医师",
            "A03",
        )

    def test_the_form_of_the_hospital_stands_in(self, read):
        assert read(one(hilist_dosform="", hosplist_dosform="片剂")).lines[0].form == "片剂"

    def test_a_catalogue_price_of_nothing_is_none(self, read):
        """Vendors fill in 0.0000: as a highest price it would make every price too high."""
        assert read(one(hilist_pric="0.0000")).lines[0].catalogue_price is None

    @pytest.mark.parametrize(("code", "title"), [("231", "主任医师"), ("5", "主任医师"), ("主治医师", "主治医师")])
    def test_titles_of_both_lists(self, read, code, title):
        assert read(one(drord_dr_profttl=code)).lines[0].practitioner_title == title

    def test_a_title_that_nobody_knows(self, read):
        (line,) = read(one(drord_dr_profttl="77")).lines
        assert line.practitioner_title == ""
        assert unknown(line) == {("practitioner_title", "77")}

    @pytest.mark.parametrize("shape", [lambda ext: ext, camel_case])
    def test_everything_of_the_extension(self, read, shape):
        (line,) = read(one(ext=shape(LINE_EXT), grpno="")).lines
        expected = Line(
            dose=Decimal("0.5"),
            dose_unit="g",
            frequency="bid",
            times_per_day=Decimal(2),
            route="静脉滴注",
            days=3,
            infusion_rate=Decimal(60),
            infusion_rate_unit="滴/分",
            group_id="G1",
            purpose="prophylaxis",
            given=datetime(2026, 7, 8, 8, 30),
            skin_test="negative",
            ingredients=(Ingredient("头孢呋辛", Decimal("0.75"), "g"), Ingredient("舒巴坦")),
            classes=("J01DC02",),
            strength=Decimal("0.75"),
            strength_unit="g",
            pack_size=Decimal(10),
            volume_ml=Decimal(100),
            emergency_use=True,
            herb_doses=7,
            self_pay=True,
        )
        for name, value in msgspec.structs.asdict(expected).items():
            if value != getattr(Line(), name):
                assert getattr(line, name) == value, name
        assert line.unknown_facts == ()

    def test_the_extension_leaves_what_it_does_not_state(self, read):
        (line,) = read(one(ext={"dose": "1"}, grpno="G9")).lines
        assert line.group_id == "G9"

    def test_every_fact_of_a_line_that_a_document_may_state_can_be_told_nationally(self):
        told = {field.fact for group in GROUPS if group.struct is Line for field in group.fields} - {"current"}
        stated = set(Line.__struct_fields__) - set(PLACED_FIELDS)
        assert stated - told == set()

    @pytest.mark.parametrize(
        ("ext", "fact", "value"),
        [
            ({"dose": "适量"}, "dose", "适量"),
            ({"dose": "-1"}, "dose", "-1"),
            ({"drip_rate": "慢滴"}, "infusion_rate", "慢滴"),
            ({"route": "由外星人给药"}, "route", "由外星人给药"),
            ({"purpose": "4"}, "purpose", "4"),
            ({"skin_test": "?"}, "skin_test", "?"),
        ],
    )
    def test_what_nobody_knows_is_unknown_with_its_value(self, read, ext, fact, value):
        (line,) = read(one(ext=ext)).lines
        assert unknown(line) == {(fact, value)}
        assert getattr(line, fact) in (None, "")

    @pytest.mark.parametrize(
        ("ext", "path", "problem"),
        [
            ({"strength": "many"}, "ext.strength", "expected a number"),
            ({"pack_size": -1}, "ext.pack_size", "more than 0"),
            ({"freq_per_day": {}}, "ext.freq_per_day", "expected a number"),
            ({"herb_doses": "2.5"}, "ext.herb_doses", "whole number"),
            ({"herb_doses": 10_001}, "ext.herb_doses", "10000"),
            ({"emergency_use": "maybe"}, "ext.emergency_use", "true or false"),
            ({"med_time": "noon"}, "ext.med_time", "expected a date"),
            ({"classes": [["J01"]]}, "ext.classes", "expected a text"),
            ({"classes": ["x"] * 1_001}, "ext.classes", "at most 1000"),
            ({"ingredients": [7]}, "ext.ingredients[0]", "expected an object"),
            ({"ingredients": [{"amount": "1"}]}, "ext.ingredients[0].name", "is missing"),
            ({"ingredients": {"name": "x", "amount": "y"}}, "ext.ingredients.amount", "expected a number"),
            ({"route": "x" * 501}, "ext.route", "longer"),
            ([], "ext", "expected an object"),
        ],
    )
    def test_a_wrong_value_is_named(self, read, ext, path, problem):
        with pytest.raises(EntranceError, match=problem) as caught:
            read(one(ext=ext))
        assert caught.value.field.endswith(path)

    def test_nothing_is_nothing(self, read):
        blank = dict.fromkeys(LINE_EXT, "")
        dashes = {
            name: "-" for name in LINE_EXT if name not in ("dose_unit", "drip_rate_unit", "group", "strength_unit")
        }
        for ext in (blank, dashes, dict.fromkeys(LINE_EXT), {"strength": 0, "pack_size": "0", "herb_doses": 0}):
            (line,) = read(one(ext=ext)).lines
            plain = read(one()).lines[0]
            assert msgspec.structs.replace(line, order_id="") == msgspec.structs.replace(plain, order_id="")


class TestPatient:
    def test_everything_of_the_extension(self, read):
        ext = {
            "weight_kg": "12.5",
            "height_cm": 90,
            "preg_start": "2026-03-01",
            "gestational_weeks": "18.5",
            "ren": "中度",
            "hep": "A",
            "allergies": [
                {"substance": "青霉素", "code": "7980", "severity": "重度", "status": "refuted", "reaction": "休克"},
                "头孢菌素",
            ],
            "allergies_checked": "1",
            "labs": [
                {"code": "2160-0", "name": "肌酐", "value": "133", "unit": "umol/L", "time": "2026-07-01"},
                {"kind": "culture", "name": "痰培养", "value": "阳性", "status": "final"},
                {"kind": "skin_test", "text": "阴性", "status": "ordered"},
            ],
            "programs": [{"code": "M00500", "name": "高血压", "valid_from": "2026-01-01", "valid_to": "2026-12-31"}],
            "programs_checked": True,
            "flags": ["dialysis", "cancer_pain"],
            "deceased": "2026-07-08 01:00:00",
        }
        patient = read(of_patient(poolarea="350102", ext=ext)).patient
        assert patient.insured_region == "350102"
        assert (patient.weight_kg, patient.height_cm) == (Decimal("12.5"), Decimal(90))
        assert (patient.pregnancy_start, patient.gestational_weeks) == (date(2026, 3, 1), Decimal("18.5"))
        assert (patient.renal_function, patient.hepatic_function) == ("moderate", "child_pugh_a")
        assert patient.allergies == (
            Allergy("青霉素", "7980", "severe", "refuted", "休克"),
            Allergy("头孢菌素"),
        )
        assert (patient.allergies_checked, patient.programs_checked) == (True, True)
        assert patient.observations == (
            Observation(code="2160-0", name="肌酐", value=Decimal(133), unit="umol/L", time=datetime(2026, 7, 1)),
            Observation(kind="culture", name="痰培养", text="阳性"),
            Observation(kind="skin_test", text="阴性", status="ordered"),
        )
        assert patient.programs == (DiseaseProgram("M00500", "高血压", date(2026, 1, 1), date(2026, 12, 31)),)
        assert patient.flags == ("dialysis", "cancer_pain")
        assert patient.deceased == datetime(2026, 7, 8, 1)
        assert patient.unknown_facts == ()

    @pytest.mark.parametrize(
        ("birth", "day", "hour"),
        [
            ("2026-07-06 03:20:00", date(2026, 7, 6), datetime(2026, 7, 6, 3, 20)),
            ("2026-07-06 00:00:00", date(2026, 7, 6), None),
            ("2026-07-06", date(2026, 7, 6), None),
            ("", None, None),
        ],
    )
    def test_the_hour_of_birth(self, read, birth, day, hour):
        patient = read(of_patient(brdy=birth)).patient
        assert (patient.birth_date, patient.birth_time) == (day, hour)

    @pytest.mark.parametrize("stated", ["无", ["无"], ["否认药物过敏史"], {"substance": "NKDA"}])
    def test_no_allergies_is_said(self, read, stated):
        patient = read(of_patient(ext={"allergies": stated})).patient
        assert (patient.allergies, patient.allergies_checked) == ((), True)

    @pytest.mark.parametrize("stated", [[], "", None, "-"])
    def test_no_list_of_allergies_says_nothing(self, read, stated):
        patient = read(of_patient(ext={"allergies": stated})).patient
        assert (patient.allergies, patient.allergies_checked) == ((), None)

    def test_none_and_an_allergy_is_that_allergy(self, read):
        patient = read(of_patient(ext={"allergies": ["无", "青霉素"]})).patient
        assert (patient.allergies, patient.allergies_checked) == ((Allergy("青霉素"),), None)

    def test_a_severity_that_nobody_knows_leaves_the_allergy(self, read):
        patient = read(of_patient(ext={"allergies": [{"substance": "青霉素", "severity": "9"}]})).patient
        assert patient.allergies == (Allergy("青霉素"),)
        assert unknown(patient) == {("allergies", "9")}

    def test_an_allergy_of_which_nobody_knows_whether_it_holds_is_none(self, read):
        """By its default it would be active, and might block."""
        ext = {"allergies": [{"substance": "青霉素", "status": "9"}, "磺胺"], "allergies_checked": True}
        patient = read(of_patient(ext=ext)).patient
        assert patient.allergies == (Allergy("磺胺"),)
        assert unknown(patient) == {("allergies", "9")}
        assert patient.allergies_checked is None, "they are not all there is"

    def test_zeros_are_no_division(self, read):
        document = of_patient(poolarea="000000")
        assert read(document).patient.insured_region == ""
        document["insuplc_admdvs"] = "350102"
        assert read(document).patient.insured_region == "350102"

    @pytest.mark.parametrize(
        ("ext", "path"),
        [
            ({"weight_kg": "-3"}, "ext.weight_kg"),
            ({"labs": [{"time": "soon"}]}, "ext.labs[0].time"),
            ({"labs": [{"value": []}]}, "ext.labs[0].value"),
            ({"labs": [{}] * 5_001}, "ext.labs"),
            ({"programs": [{"valid_to": "2026-02-30"}]}, "ext.programs[0].valid_to"),
            ({"preg_start": "March"}, "ext.preg_start"),
            ({"flags": {}}, "ext.flags"),
        ],
    )
    def test_a_wrong_value_is_named(self, read, ext, path):
        with pytest.raises(EntranceError) as caught:
            read(of_patient(ext=ext))
        assert caught.value.field.endswith(path)


class TestPregnancy:
    """Two lists of matn_stas contradict each other, and many sites send 0 for everyone."""

    @pytest.mark.parametrize(
        ("profile", "code", "status"),
        [
            ("default", "0", None),
            ("default", "1", None),
            ("default", "2", None),
            ("default", "3", "pregnant"),
            ("default", "4", "lactating"),
            ("mapped", "0", None),
            ("mapped", "1", "pregnant"),
            ("mapped", "2", "lactating"),
            ("default", "8", None),
        ],
    )
    def test_by_profile(self, read, profile, code, status):
        patient = read(of_visit(matn_stas=code), profile).patient
        assert patient.pregnancy_status == status
        assert unknown(patient) == (set() if status else {("pregnancy_status", code)})

    def test_nothing_stated(self, read):
        patient = read(of_visit(matn_stas="")).patient
        assert (patient.pregnancy_status, patient.unknown_facts) == (None, ())

    def test_objects_of_one_encounter_that_contradict(self, read):
        document = message(
            [order(BED)],
            visit={"matn_stas": "3"},
            past=[encounter([order(BED)], matn_stas="4")],
        )
        with pytest.raises(EntranceError, match="pregnancy_status"):
            read(document)


class TestEncounter:
    def test_the_national_fields(self, read):
        found = read(
            of_visit(
                medins_type="A1",
                medins_admdvs="350102",
                out_setl_flag="4",
                opsp_dise_code="M00500",
                opsp_dise_name="高血压",
                bedno="031",
            )
        ).encounter
        assert (found.facility_type, found.region, found.out_of_region) == ("A1", "350102", True)
        assert (found.program_code, found.program_name, found.bed) == ("M00500", "高血压", "031")

    @pytest.mark.parametrize(("code", "away"), [("0", False), ("1", True), ("2", None), ("3", True), ("", None)])
    def test_treatment_away_from_home(self, read, code, away):
        assert read(of_visit(out_setl_flag=code)).encounter.out_of_region is away

    def test_the_region_of_the_envelope_stands_in(self, read):
        document = of_visit(medins_admdvs="")
        document["mdtrtarea_admvs"] = "370100"
        assert read(document).encounter.region == "370100"

    def test_the_extension(self, read):
        ext = {
            "planned": True,
            "long_prescription": "1",
            "attestations": [
                {"kind": "second_signature", "by": "药师甲", "time": "2026-07-08 09:00:00", "rx_ids": ["A", "B"]},
                "patient_present",
            ],
            "counters": {
                "subject": "department",
                "subject_id": "A03",
                "metric": "amount",
                "period": "month",
                "value": "0",
                "at": "2026-07-01",
            },
        }
        found = read(of_visit(ext=ext)).encounter
        assert (found.planned, found.long_prescription) == (True, True)
        assert found.attestations == (
            Attestation("second_signature", "药师甲", datetime(2026, 7, 8, 9), order_ids=("A", "B")),
            Attestation("patient_present"),
        )
        assert found.counters == (Counter("department", "A03", "amount", "month", Decimal(0), date(2026, 7, 1)),)

    def test_what_was_vouched_for_in_an_unknown_way_was_not_vouched_for(self, read):
        found = read(of_visit(ext={"attestations": [{"kind": "nod"}]})).encounter
        assert found.attestations == ()
        assert unknown(found) == {("attestations", "nod")}

    def test_a_counter_must_be_whole(self, read):
        with pytest.raises(EntranceError, match="is missing") as caught:
            read(of_visit(ext={"counters": [{"subject": "patient", "period": "year", "value": 1}]}))
        assert caught.value.field.endswith("ext.counters[0].subject_id")

    def test_diagnoses(self, read):
        found = read(
            of_visit(
                fsi_diagnose_dtos=[{"dise_codg": "I10", "dise_name": "高血压", "ext": {"suspected": True}}],
                dscg_main_dise_codg="I50.900",
                dscg_main_dise_name="心力衰竭",
            )
        ).encounter
        assert found.diagnoses == (
            Diagnosis("I10", "高血压", suspected=True),
            Diagnosis("I50.900", "心力衰竭", primary=True),
        )

    @pytest.mark.parametrize(("flag", "primary"), [("", True), ("1", True), ("0", False)])
    def test_a_main_diagnosis_that_is_in_the_list_is_no_second_one(self, read, flag, primary):
        listed = {"dise_codg": "I10", "dise_name": "高血压", "maindise_flag": flag}
        found = read(of_visit(fsi_diagnose_dtos=[listed], dscg_main_dise_codg="I10")).encounter
        assert found.diagnoses == (Diagnosis("I10", "高血压", primary=primary),)

    def test_operations(self, read):
        stated = {
            "oprn_code": "45.2600",
            "oprn_name": "阑尾切除",
            "oprn_date": "2026-07-08",
            "ext": {
                "oprn_begntime": "2026-07-08 10:00:00",
                "oprn_endtime": "2026-07-08 11:30:00",
                "incision_class": "Ⅱ",
                "incision_id": "1",
                "emergency": 1,
            },
        }
        found = read(of_visit(fsi_operation_dtos=[stated])).encounter
        assert found.operations == (
            Operation(
                "45.2600",
                "阑尾切除",
                datetime(2026, 7, 8),
                datetime(2026, 7, 8, 10),
                datetime(2026, 7, 8, 11, 30),
                "II",
                "1",
                emergency=True,
            ),
        )

    def test_objects_of_one_encounter_add_up(self, read):
        """A site states a fact in the first object, or only in the second."""
        document = message(
            [order(BED)],
            visit={"ext": {"planned": True, "attestations": ["consultation"]}},
            past=[encounter([order(BED)], bedno="7", ext={"attestations": ["reason"]})],
        )
        found = read(document).encounter
        assert (found.planned, found.bed) == (True, "7")
        assert [attestation.kind for attestation in found.attestations] == ["consultation", "reason"]

    def test_objects_of_one_encounter_that_contradict(self, read):
        document = message(
            [order(BED)], visit={"out_setl_flag": "1"}, past=[encounter([order(BED)], out_setl_flag="0")]
        )
        with pytest.raises(EntranceError, match="another out_of_region"):
            read(document)


class TestVisits:
    def past(self, number, **fields):
        return encounter(
            [order(BED, curr_drord_flag="0")],
            **{"mdtrt_id": f"P{number}", "adm_date": f"2026-06-{number:02d} 08:00:00", **fields},
        )

    def test_the_other_encounters_are_visits(self, read):
        past = [
            self.past(1, med_mdtrt_type="2", med_type="21", dscg_date="2026-06-05 10:00:00", adm_dept_codg="A03"),
            self.past(2, ext={"planned": True}),
        ]
        case = read(message([order(BED)], past=past))
        diagnoses = (Diagnosis("J06.900", "急性上呼吸道感染", primary=True),)
        assert case.visits == (
            Visit(
                "P1",
                "H00000000009",
                ("inpatient",),
                datetime(2026, 6, 1, 8),
                datetime(2026, 6, 5, 10),
                "A03",
                diagnoses,
            ),
            Visit("P2", "H00000000009", ("outpatient",), datetime(2026, 6, 2, 8), None, "", diagnoses, planned=True),
        )

    def test_in_the_container_of_history_too(self, read):
        document = message([order(BED)])
        patient_of(document)["fsi_his_data_dto"] = {"fsi_encounter_dtos": [self.past(1), self.past(2)]}
        assert [visit.id for visit in read(document).visits] == ["P1", "P2"]
        patient_of(document)["fsi_his_data_dto"] = self.past(3)
        assert [visit.id for visit in read(document).visits] == ["P3"]

    def test_one_in_several_objects_is_one(self, read):
        second = self.past(
            1, adm_date="", fsi_diagnose_dtos={"dise_codg": "I10", "dise_name": "高血压"}, dscg_date="2026-06-05"
        )
        (visit,) = read(message([order(BED)], past=[self.past(1), second])).visits
        assert [diagnosis.code for diagnosis in visit.diagnoses] == ["J06.900", "I10"]
        assert (visit.begin, visit.end) == (datetime(2026, 6, 1, 8), datetime(2026, 6, 5))

    def test_the_current_one_is_none(self, read):
        assert read(message([order(BED)])).visits == ()
        split = message([order(BED)], past=[encounter([order(BED)])])
        assert read(split).visits == ()

    def test_one_without_an_id_is_not_counted_and_that_is_said(self, profiles):
        document = message([order(BED)], past=[self.past(1, mdtrt_id="")])
        read = read_message(document, "3101", profiles)
        assert read.case.visits == ()
        assert [note.field for note in read.notes] == ["mdtrt_id"]

    def test_unknown_codes_of_a_past_one_are_just_not_known(self, read):
        case = read(message([order(BED)], past=[self.past(1, med_mdtrt_type="9", med_type="99")]))
        assert case.visits[0].care_modes == ()
        assert case.encounter.unknown_facts == ()

    def test_a_wrong_value_of_a_past_one_is_named(self, read):
        with pytest.raises(EntranceError) as caught:
            read(message([order(BED)], past=[self.past(1, adm_date="long ago")]))
        assert caught.value.field.endswith("fsi_encounter_dtos[1].adm_date")


class TestSite:
    def test_of_the_profile(self, read):
        assert read(one(), "mapped").site == Site((7, 1), frozenset({"history", "allergies"}), (date(2026, 10, 1),))
        assert read(one()).site == Site()

    @pytest.mark.parametrize(
        ("code", "standard", "unknown_facts"),
        [
            ("0203", "A03", set()),
            ("A03", "A03", set()),
            ("0299", "", {("department", "0299")}),
            ("0301", "", {("department", "0301")}),
            ("", "", set()),
        ],
    )
    def test_departments(self, read, code, standard, unknown_facts):
        document = message([order(BED, drord_dept_codg=code)], visit={"adm_dept_codg": code})
        case = read(document, "mapped")
        assert (case.lines[0].department_code, case.encounter.department_code) == (standard, standard)
        assert unknown(case.lines[0]) == unknown_facts
        assert unknown_facts <= unknown(case.encounter)
        assert read(document).lines[0].department_code == code, "a site without a list sends standard codes"

    @pytest.mark.parametrize(
        ("spelling", "route"),
        [
            ("KF", "口服"),
            ("kf", "口服"),
            ("P.O.", "口服"),
            ("口服", "口服"),
            ("ｉｖ", "静脉注射"),
            ("鞘内", "鞘内注射"),
        ],
    )
    def test_routes(self, read, spelling, route):
        (line,) = read(one(ext={"route": spelling}), "mapped").lines
        assert (line.route, line.unknown_facts) == (route, ())

    def test_a_route_that_is_known_to_mean_nothing(self, read):
        (line,) = read(one(ext={"route": "XX"}), "mapped").lines
        assert (line.route, unknown(line)) == ("", {("route", "XX")})

    @pytest.mark.parametrize(("spelling", "frequency"), [("2", "bid"), ("q8h", "q8h"), ("每日三次", "每日三次")])
    def test_frequencies(self, read, spelling, frequency):
        assert read(one(ext={"freq": spelling}), "mapped").lines[0].frequency == frequency

    def test_codes_of_the_extension(self, read):
        assert read(one(ext={"purpose": "3"}), "mapped").lines[0].purpose == "prophylaxis"
        assert read(one(ext={"purpose": "treatment"}), "mapped").lines[0].purpose == "treatment"


def test_a_nested_field_is_called_as_in_our_own_json():
    """So that one page describes both."""
    for group in NESTED.values():
        known = {field.name for field in msgspec.structs.fields(group.struct)}
        assert {field.fact for field in group.fields} == known
        assert all(field.national == field.fact for field in group.fields)


def test_a_message_of_before_reads_as_before(read):
    """Nothing of the extension is stated: nothing of it is known, and nothing is made up."""
    case = read(one())
    assert visit_of(one())["matn_stas"] == "0"
    assert unknown(case.patient) == {("pregnancy_status", "0")}
    bare = copy.deepcopy(case.lines[0])
    assert bare.unknown_facts == ()
    assert case.encounter.attestations == case.encounter.counters == ()
    assert case.visits == ()
