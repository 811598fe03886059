"""Ages of stars from isochrones: the posterior in log age, with mass and metallicity integrated out.

f(tau) is proportional to psi(tau) G(tau), with G(tau) = sum_j phi(Z_j) integral of L(d | tau, Z_j, m) m^-a dm (Jorgensen &
Lindegren 2005; Zari et al. 2025, Eqs. 5 to 14, whose Eqs. 8 and 11 lack the minus in the exponent), L the product of
exp(-(d_i - q_i)^2 / (2 sigma_i^2)) over Teff, log g and M_Ks.

`grid` holds the isochrones (`mist_files` reads those that the user has), `observables` what is compared with them,
`priors` what is believed beforehand, `kernels` the integral, `posterior` the percentiles, `clusters` coeval stars.
"""
