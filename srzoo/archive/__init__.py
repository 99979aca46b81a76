"""Archives of pictures on any file system of Apache Beam, upscaled by many workers: `pip install 'srzoo[beam]'`."""
