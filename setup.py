import shutil

from setuptools import setup

# Else what an earlier build left there, and the project has no longer, would go into the wheel too.
shutil.rmtree("build/lib", ignore_errors=True)
setup()
