"""The layout of the recommender's models (see `duma.models.layouts`)."""

from duma.configuration import read_configuration
from duma.engines.recommender_configuration import read_recommender_configuration
from duma.models.row_configuration import RowConfiguration, recommender_parts
from duma.models.row_layout import RowLayout
from duma.models.row_model import Shape


class RecommenderLayout(RowLayout):
    """See `duma.models.layouts.Layout`."""

    def __init__(self, config_text: str) -> None:
        value = read_configuration(config_text)[1]
        settings = read_recommender_configuration(value)
        parts, stored_by = recommender_parts(value["method"], value.get("parameter"))
        unlearner = settings.index.unlearner
        shape = Shape(parts, unlearner=unlearner is not None)
        super().__init__(RowConfiguration(value["method"], shape, stored_by, unlearner, settings.converter))
