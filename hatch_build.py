"""Build hooks of the root distribution ``streamfw``, which holds no code, only requirements.

``pyproject.toml`` lists the siblings, which are the other distributions of this repository,
and what the root and its extras require of them.
In a checkout they are required by path, so that ``pip install .`` works although nothing is on an index;
in a release build (``STREAMFW_RELEASE=1``) they are pinned by version.
Only the root writes paths: pip refuses two spellings of one path, so one place spells them all.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

RELEASE_VARIABLE = "STREAMFW_RELEASE"

_REQUIREMENT = re.compile(r"(?P<name>[a-z0-9-]+)(?P<extras>\[[a-z0-9,-]+\])?")


def is_release() -> bool:
    """Whether this build is for an index; anything but an empty value or 0 says so."""
    return os.environ.get(RELEASE_VARIABLE, "") not in {"", "0"}


class SiblingsMetadataHook(MetadataHookInterface):
    """Fills in the dynamic fields ``dependencies`` and ``optional-dependencies``."""

    def update(self, metadata: dict[str, Any]) -> None:
        if Path(self.root, "PKG-INFO").is_file():
            return  # An unpacked source distribution: its requirements were settled when it was built.
        version = metadata["version"] if is_release() else None
        metadata["dependencies"] = [self._require(text, version) for text in self.config["dependencies"]]
        metadata["optional-dependencies"] = {
            extra: [self._require(text, version) for text in requirements]
            for extra, requirements in self.config["extras"].items()
        }

    def _require(self, text: str, version: str | None) -> str:
        match = _REQUIREMENT.fullmatch(text)
        siblings = self.config["siblings"]
        if match is None or match["name"] not in siblings:
            known = ", ".join(sorted(siblings))
            raise ValueError(
                f"pyproject.toml requires {text!r} of a sibling, but the siblings are: {known}. "
                "Add it to [tool.hatch.metadata.hooks.custom.siblings]."
            )
        if version is not None:
            return f"{text}=={version}"
        folder = Path(self.root).resolve() / siblings[match["name"]]
        return f"{text} @ {folder.as_uri()}"


class RefuseCheckoutSdist(BuildHookInterface[BuilderConfig]):
    """Refuses a source distribution outside a release build: its PKG-INFO would hold this machine's paths."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not is_release() and not Path(self.root, "PKG-INFO").is_file():
            raise RuntimeError(
                "a source distribution of streamfw built in a checkout would require its siblings by "
                f"the paths of this machine. Set {RELEASE_VARIABLE}=1 to pin them by version instead: "
                "`nox -s build` does, for every distribution."
            )
