#!/usr/bin/env bash
# Library: imagecodecs 2026.3.6 for Python.
#
# `jpegxl_encode` tags a 16-bit array as linear light, but an 8-bit array as sRGB.
# Its help text does not say so, and no argument of it chooses. So the same
# mid-grey, once as 128 of 255 and once as 32896 of 65535, gives two pictures that
# look different: a viewer that heeds the tag shows the 16-bit one much brighter.
# imagecodecs' own decoder hides this: it gives the numbers back and drops the tag.
# Another decoder, pillow-jxl-plugin 1.3.8, reads the tags here.
#
# Seen:
#   uint8: imagecodecs gives back 128 of 255; profile "sRGB"; shown as 128 on an sRGB screen
#   uint16: imagecodecs gives back 32896 of 65535; profile "RGB_D65_SRG_Rel_Lin"; shown as 188 on an sRGB screen
#
# Needs: python3 with venv.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet imagecodecs==2026.3.6 numpy==2.4.6 pillow==13.0.0 pillow-jxl-plugin==1.3.8

cat > finding.py <<'EOF'
import io
import sys

import imagecodecs
import numpy
import pillow_jxl  # lets Pillow open JPEG XL
from PIL import Image, ImageCms

shown = {}
for kind, grey in (("uint8", 128), ("uint16", 128 * 257)):
    pixels = numpy.full((8, 8, 3), grey, kind)
    encoded = imagecodecs.jpegxl_encode(pixels, lossless=True)
    back = int(imagecodecs.jpegxl_decode(encoded)[0, 0, 0])
    picture = Image.open(io.BytesIO(encoded))
    picture.load()
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    name = ImageCms.getProfileDescription(profile).strip()
    on_screen = ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"))
    shown[kind] = on_screen.getpixel((0, 0))[0]
    print(f'{kind}: imagecodecs gives back {back} of {numpy.iinfo(kind).max}; '
          f'profile "{name}"; shown as {shown[kind]} on an sRGB screen')

if not (abs(shown["uint8"] - 128) <= 1 and abs(shown["uint16"] - 188) <= 2):
    sys.exit("no longer so: the 16-bit picture is not shown brighter than the 8-bit one")
EOF
venv/bin/python finding.py
