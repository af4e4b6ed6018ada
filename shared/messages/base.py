"""What all payloads have in common."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """
    A frozen payload; unknown fields are ignored, so that a newer writer may add some.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
