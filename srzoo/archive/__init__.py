"""Archives of pictures on any file system of Apache Beam, upscaled by many workers: `pip install '.[beam]'`."""

import logging

# When it is imported, Beam warns of clients for clouds that are not installed.
_root = logging.getLogger()
_level = _root.level
_root.setLevel(logging.ERROR)
import apache_beam.io.filesystems  # noqa: E402
import apache_beam.options.pipeline_options  # noqa: E402, F401

_root.setLevel(_level)
