"""Stamps, without a file or server."""

import unittest

import support  # noqa: F401

from sluice.stamps import EARLIEST, StampSource, encode, new_boot_id, stamp_ms


class Stamps(unittest.TestCase):
    def test_have_the_form_that_sluice_takes(self):
        stamp = StampSource("abcdefgh").after(EARLIEST, 1_790_000_000_000)
        self.assertRegex(stamp, r"^[0-9a-z]{9}abcdefgh0000$")
        self.assertEqual(stamp_ms(stamp), 1_790_000_000_000)

    def test_never_decrease_whatever_the_clock_does(self):
        source = StampSource()
        last = EARLIEST
        for now in (5000, 5000, 4000, 0, 5001, 5000):
            following = source.after(last, now)
            self.assertGreater(following, last)
            last = following

    def test_follow_those_of_other_openings(self):
        self.assertGreater(StampSource("aaaaaaaa").after(encode(5000, 9) + "zzzzzzz1zzzz", 5000), encode(5001, 9))

    def test_go_on_past_the_last_sequence(self):
        full = encode(5000, 9) + "aaaaaaaazzzz"
        self.assertEqual(StampSource("aaaaaaaa").after(full, 5000), encode(5001, 9) + "aaaaaaaa0000")

    def test_boot_ids_are_none_that_sluice_keeps_to_itself(self):
        for _ in range(1000):
            self.assertRegex(new_boot_id(), r"^[1-9a-y][0-9a-z]{7}$")
            self.assertFalse(new_boot_id().startswith("deadline"))


if __name__ == "__main__":
    unittest.main()
