"""Every rule template, by its id. The only rule logic there is; a new one is a module here and a line below.

There is no T44 (指标与进销存): shares of costs, infection and readmission rates, stock against sales are figures of a month or
a year over all patients, and the record that is audited after settlement. No moment of one patient's care decides
them, so they have no judge here; `ruleset/national/rules.csv` lists the ten national rules of this kind with the reason, and
three that rest on records that exist only after discharge or upload.
"""

from ruleset.template import Template
from ruleset.templates.t01_insurance import Insurance
from ruleset.templates.t02_facility_level import FacilityLevel
from ruleset.templates.t03_care_mode import CareMode
from ruleset.templates.t04_department import Department
from ruleset.templates.t05_privilege import Privilege
from ruleset.templates.t06_sex import SexLimit
from ruleset.templates.t07_age import Age
from ruleset.templates.t08_indication import Indication
from ruleset.templates.t09_program import Program
from ruleset.templates.t10_herb_payment import HerbPayment
from ruleset.templates.t11_price import Price
from ruleset.templates.t12_contraindication import Contraindication
from ruleset.templates.t13_pregnancy import Pregnancy
from ruleset.templates.t14_allergy import AllergyConflict
from ruleset.templates.t15_single_dose import SingleDose
from ruleset.templates.t16_total_dose import TotalDose
from ruleset.templates.t17_organ_function import OrganFunction
from ruleset.templates.t18_administration import Administration
from ruleset.templates.t19_prior_evidence import PriorEvidence
from ruleset.templates.t20_skin_test import SkinTest
from ruleset.templates.t21_interaction import Interaction
from ruleset.templates.t22_infusion_group import InfusionGroup
from ruleset.templates.t23_herb_pair import HerbPair
from ruleset.templates.t24_duplicate import Duplicate
from ruleset.templates.t25_prescription_form import PrescriptionForm
from ruleset.templates.t26_herb_amount import HerbAmount
from ruleset.templates.t27_antibiotic import Antibiotic
from ruleset.templates.t28_controlled_quantity import ControlledQuantity
from ruleset.templates.t29_dispensed_days import DispensedDays
from ruleset.templates.t30_early_refill import EarlyRefill
from ruleset.templates.t31_course_days import CourseDays
from ruleset.templates.t32_quantity import Quantity
from ruleset.templates.t33_amount_cap import AmountCap
from ruleset.templates.t34_second_line import SecondLine
from ruleset.templates.t35_exclusive_items import ExclusiveItems
from ruleset.templates.t36_companion import Companion
from ruleset.templates.t37_surgery_discount import SurgeryDiscount
from ruleset.templates.t38_stay_times import StayTimes
from ruleset.templates.t39_frequent_visits import FrequentVisits
from ruleset.templates.t40_split_stay import SplitStay
from ruleset.templates.t41_simultaneous import Simultaneous
from ruleset.templates.t42_stay_without_need import StayWithoutNeed
from ruleset.templates.t43_record_validity import RecordValidity
from ruleset.templates.t45_expression import Expression

TEMPLATES: dict[str, Template] = {
    template.id: template
    for template in (
        Insurance(),
        FacilityLevel(),
        CareMode(),
        Department(),
        Privilege(),
        SexLimit(),
        Age(),
        Indication(),
        Program(),
        HerbPayment(),
        Price(),
        Contraindication(),
        Pregnancy(),
        AllergyConflict(),
        SingleDose(),
        TotalDose(),
        OrganFunction(),
        Administration(),
        PriorEvidence(),
        SkinTest(),
        Interaction(),
        InfusionGroup(),
        HerbPair(),
        Duplicate(),
        PrescriptionForm(),
        HerbAmount(),
        Antibiotic(),
        ControlledQuantity(),
        DispensedDays(),
        EarlyRefill(),
        CourseDays(),
        Quantity(),
        AmountCap(),
        SecondLine(),
        ExclusiveItems(),
        Companion(),
        SurgeryDiscount(),
        StayTimes(),
        FrequentVisits(),
        SplitStay(),
        Simultaneous(),
        StayWithoutNeed(),
        RecordValidity(),
        Expression(),
    )
}
