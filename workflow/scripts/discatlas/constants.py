"""Constants of the units that are used throughout: kpc, km/s, solar masses, and kpc/(km/s) for time."""

G_KPC_KMS2_MSUN = (
    4.300917270e-6  # gravitational constant [kpc (km/s)^2 / solar mass], CODATA 2018 with the IAU solar mass parameter
)
GYR_PER_KPC_KMS = 0.9777922216807891  # one kpc/(km/s) [Gyr] of 365.25 days
