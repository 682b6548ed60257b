"""What the OpenAPI document says of a value that is shown as it is.

Some values were checked when they were written, or are so many that to look at each once
more would take longer than to find them.  They go out unchecked; the document tells their
form all the same.
"""

from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue


class Declared:
    """Annotates a value: it has this model's form, and is not made into one."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model

    def __get_pydantic_json_schema__(self, _of: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self.model.__pydantic_core_schema__)
