"""What the templates share whose rows speak of one item, substance, class or catalogue."""

from ruleset.template import Subject


class ItemRow(Subject, frozen=True, kw_only=True):
    """A row that says which items it speaks of; `subject` makes its id."""

    @property
    def subject(self) -> str:
        """The one subject column that is stated: the item code, substance, class or catalogue."""
        return self.item_code or self.ingredient or self.drug_class or self.item_kind
