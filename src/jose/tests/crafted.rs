//! RSA signatures that no signer makes, made by hand from a key that was thrown away; header `{"alg":…}`, claims `{"sub":"alice"}`.

/// The modulus of the key, in base64url; its exponent is 65537.
pub(super) const MODULUS: &str = "0B8rl0xSF9UtUDqxghY0GzvMQf902BidcbKWY7aJWGRHGLGFZO-6MFPrg9fk20_XLmflKloyO72z3uMHRo5vZWGQIFXKHJhIu244\
    lZh39M0x1Q8Cgoj9jc0qK2Bo9j3bTDaDWzhLIFM-7-04cWjo8sxq2j8-o2kICZ4Ktu8qq9bVzn8yzINlmLxeOIMIECqUqGiUDTFG\
    v9PkVtbplWl0tZG2cCBxN2jSfeMi-Uv2C7DCGVfXJT5v_cAE-awHozLF1kuG29d3kj410cdGg4y6i0S-cYm6YjA_sbvhaLG26vl3\
    61GbSGCi8LllOjYfoUIK6aVNWVMa_Lhj7vVf8cBTYQ";

/// A signature made by hand.
pub(super) struct Crafted {
    pub(super) algorithm: &'static str,
    pub(super) verifies: bool,
    pub(super) what: &'static str,
    pub(super) signature: &'static str,
}

/// One that verifies for each way of signing, and what must not.
pub(super) const CRAFTED: &[Crafted] = &[
    Crafted {
        algorithm: "RS256",
        verifies: true,
        what: "as RFC 8017 section 9.2 encodes it",
        signature: "t6AyKjQ4Qi5PRbEQdva7AyM94M0t8Tid0dXioSmWNdoyMhtkjGMIJESx_-xDtzd2yTlWXHQJz27VuNDERBwqSUKOu5lVYsv2uI8T\
    M204x5F93XHRGaXFIWHJs5OWW0BJPaEDOgx-qytq8msmYVL8Zfgdd3PyeINTljwOri_-m7Tbv1fGNS_x--Hcx4lXzzPXHIaSbMMb\
    NL_aY32aDt3OLZbJV9i1a_Aqx7zYN2S-rSrCEz4gw26m2lEJdJUN_9BZHNxFA4f9LexM-_t4Om5apva_7XWCRCE0cp9250EZnILE\
    1jqVHNlBbklmPOumBSVnlPN-zGp7k79WStYZLHv7Og",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "without the NULL of the digest's parameters",
        signature: "di6eiB1GXJELuDxXt9yCyFOFvdTszTketkg5f1jx-oNsM26H1B6LcA4yfx24lVusekhVqf03Um7olxvScOYJoNuNBEcsGIF2bi4l\
    OJV4prBxTnhIpX3h_MVW2_pSnqzm6Qv51ZTdHSgp5ZTsQsUtSCHOCxGwpCOHtYFe2B_UhszuWe3WmaMrS2NugWiN5oJ6-HYZOGTD\
    Zd06clUWFq4tWaavoxnxxVUd6V7IMVZEmBcR8SxRyBssqjTJrPkzxGPUZyJA8iJ7IbSvN05J330qryIbO2pQTa1rcdmgTGDobJpc\
    cxp3AY1Kk5WNfEbVmykuEM8W6seKs83Q7tBpjRj_vA",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "with short padding and garbage after the digest",
        signature: "RrUv54CY8IcV5n12Jyvr5lBuBHo8JD0K-KmNuAvRlTX928999YO4A8Kx-c2Oy_3FTUJPnfmkGCEHK2SZnOGpc17M86o_Yg53wan-\
    j2TGEYjz7BU5pBvlJRW_p6ksJMwU90IAUFx0kozPJQ_60cSeOv5m5AGsiQeacPOmetURSTsWBTPvxpv_ytgfK2-i-Gndx_lXvuaw\
    Pu_Gn0pNXx0Sk0sd9SKL0X4Yuc2lXBLnHP6AYb8SI0OwViZi4ngeonblVbIpho9iGYb_bZkR_UNrIYrdH7VnW0hchNRmBU4D1B9Q\
    sZOb0leLvpZURXKsph5G_6k_ZXRtuZMKT3_nFNpyWQ",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "with zeros as padding",
        signature: "U8XkoUfIcGUudmS-QyrGF26fLOOoqG75AZrTvhNDJ7rLVJ9TQ0bou37j7fBY5s7Zqis0HZVA6tMWETzDz-pHeB8hM1cO7_l19WWz\
    djT3ijis396ELugT3sPwYejUS1KiOL6aeJg-2NviU44Rr-i390WD3ITB8ZUbWcVmDRbgNv7BIMf-4SO6Nfu22_l8ZnXOX6EiMIZ3\
    0HUflfgNaq0TyYn8nlC2sYA6vrVtiahS-KafUzOSloxNGB-gVfhcZbqQghMKEagUQLuPnr-TszNwWFaEMI3UKbrLA62DLQORW0BE\
    3wb8fi_SXRmJ5v5MCKIpE2QaX6WjQrvO3NezQYeoEg",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "with block type 2",
        signature: "htyrIFaA2MF5P_lNWcB5l6LHiHXwTf-bT0j7Xpd71Hj2D0dyOhiDJDxFWLZnqRCe7aiB2UU1F8gs3c6ShglEO3tcPlcb6Kg8yHL2\
    n9KsOgrVQ4OkA01reLzFvuQl9xsI2BXbqkVl04Plv7vTeNkhgTx1SRKAZbjBuF_9YzHzkFeaAKL55tp2lIRftn7EJgAXHPBSzptD\
    Thw2jMGWCpSkUZmFGO2mQNcf74OXUGRDJBH4mtWriGCCaHq22G0IjREcboXo-yeGUDulapUJJNmdnWkZxfvJuOV0HMp8P5kB6J6l\
    a852GOYAWdsi1zi4FFC1yXTpACUmdezWBOBXnHRwUw",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "without the zero after the padding",
        signature: "LNwEQurYbcL0kTGTlMm9ay3KKJBklv5m337mpqnZPDUuZFWdiV1dvp9s-bh0SsVkqEYui6rxeLClET2K6ufWvuFVjL4bM5LtZUpn\
    2L-YtQFSTzP2nItPS6Sl9zjFp2CeV7ddyPfuvjiE7rwMEhml-0GBQ054XzrG0Sf46F33Nkeqk5hz4KEhJM28-Z5nmJmnWQgiqhfh\
    hIEOkv45dGG0hd5Dam98SG8zktZOyDSrp1YS-viBns7WHFGS4fe5EIVdzNiYgj2uVoUf0rmq0033jdzI7ekNFur8h7kuDV9HonG9\
    LbS1ncHIAzOyjsAWoidFJnjj3e7XTBMyWfZYFQKnIQ",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "with the digest named SHA-512",
        signature: "Vi-Bjjkq0z5KjDoWZJOvl0tY7NDTlphyA5By6FBr4EiFmkX5dgBdIeI0UcnRvBhstn9LJjcZu7nmt_NXB3iHa95K7T8nkidP3qck\
    0F9oQc2lPIP6o3XsBkTeAIblAWM2fHHhPw6cYiVXXaF1ArfXzqecgKWbxZHrTBbWF4V51N0zWuFlyv1sDm3zRJ7C-cWDdDxp2bXw\
    5W9vgSTrQnlA83liv4QaAaZu6th-gM4y0shXD6p51YtjbOOVNwMlAeCwWeBVFOqbuXvczPcoIKSWPgVNapXiU-n5kKQlgXoaZaZ2\
    89kWEHs4s3ecqUy64RLT2o_y59usPRACcmYBoabvPA",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "over SHA-1",
        signature: "St4zIk1RZx1b73SCWhi_J78hppEUNWiHk_f8Q69D3-QM0TlS5ACbDCRG6I05NTqPe3Qrk8QbVPAtn_WNtHMgFSprEgJT6sRI14Ac\
    uzbJGWanOUfn2TjpanT-G4_RVrLz8yd56Lw0BIWj0MJ7jR9YQa0cdbs451eb5PQeCWdpAplRoJWjYhslM89KTDBhHRG7xmg3d_RS\
    HJ50Ete_mDknyaqG5o_LKuZLX_tThfsb89Gf6BsIPnbQGgUxAcBnyzaF9rpaZtq3ywnIrrZaPu2j64cWF5fvxJFuHBMoO8D6rnBF\
    JBaU1SrPSnSXPZhzeXvVBUiJa7AwRX5yQBg3nmLe0Q",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "over SHA-384",
        signature: "dNIvs6g6XlYZsXctVdVBmDvyatX7xWARrlCoKWkRpZoBVvfnq_MNdUZqegBfNAD9DYkzwB2Qu_dKdH7znwdKrAq_WQfMbKzjIz76\
    fUVJzJQp2XL_Tj6i116m0bcR6A8yILx0MU2LzUOg4Zedr13v5lMC-UAj_fysGIOq7k0IZ7_kkk76cH1N49ILV8p5oIL0U8UsZcAL\
    c6XCbugbF7-2HKrovqGgxWyqm33yoM2Vh7MNP1MGRBpK-5j3HByrJYSAURK7acEAg5LYh8Op7AaUwcGPcc7ofSl9Xyr1vqsD9sOw\
    v4oSiRf0NfmdkB9Px_3MjyOBmdVo7E2PxCn7nNdc7A",
    },
    Crafted {
        algorithm: "RS512",
        verifies: true,
        what: "as RFC 8017 section 9.2 encodes it",
        signature: "MIZnWE1mvriNvjn6sfQId-OYIlhn0P_Ho1TswWicAeWOGMo8nrxgBLSgjzpp3ktwVv7a2r-vu9uQsN0Ny3aVv0KMJc46iGpcX1nZ\
    C4xuYUlExzdN_wQfQ1rjbS4zHbONy62KPYhZmLkwVCsMrWdYD67AAhwbHOFK5mUmcbsohoqDRZQyVb8PRfXdZvHJxTmWmJYP6waM\
    qz2RBw7rYBIwX0iR7bB1IIa9ioannZxCU9FA_IxR6cK50IBNGxvn0uXlVtIrJHk5q9KTQfsjoMXSBULkbGjEp4uFgLjpcXPVMIdy\
    6IGj8aVv85LsjtOP7bjZpTFiQDFkZNovPzf4hsehbw",
    },
    Crafted {
        algorithm: "RS512",
        verifies: false,
        what: "over SHA-256",
        signature: "Z1dT2X457d6Vc-fFPXK4HUPl3G1eC9CRmZzRT8ivbaTUztrzd-XuKDzjVy35G5pCbm3T6NrqENh5mC4PVLMxHwL44ULvTKMo3I8u\
    2brmsj8uRDGOIzdM8prBgfh7b85i9R03kqC7DFFz7WSh7PX8k50jwuhqflAoibYKK0lf9EaBRAQ42rook9HanLIkQdNGmrjGKRw7\
    vfMOBOZ8DXeBYXadgX2lYtO3mZXAY2jI8qigIc6I0r40rx3ReQ4ovCMHHZjZi2G54nXVhTOEPCu02pcCxqzFEQDs7M8Xs23nOUth\
    gUzcSOz1U3NWWl0iBP43vDe-r2Ryp6NPKxv6fw4kvg",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "of zero",
        signature: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "of one",
        signature: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "of the modulus less one",
        signature: "0B8rl0xSF9UtUDqxghY0GzvMQf902BidcbKWY7aJWGRHGLGFZO-6MFPrg9fk20_XLmflKloyO72z3uMHRo5vZWGQIFXKHJhIu244\
    lZh39M0x1Q8Cgoj9jc0qK2Bo9j3bTDaDWzhLIFM-7-04cWjo8sxq2j8-o2kICZ4Ktu8qq9bVzn8yzINlmLxeOIMIECqUqGiUDTFG\
    v9PkVtbplWl0tZG2cCBxN2jSfeMi-Uv2C7DCGVfXJT5v_cAE-awHozLF1kuG29d3kj410cdGg4y6i0S-cYm6YjA_sbvhaLG26vl3\
    61GbSGCi8LllOjYfoUIK6aVNWVMa_Lhj7vVf8cBTYA",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "of the modulus",
        signature: "0B8rl0xSF9UtUDqxghY0GzvMQf902BidcbKWY7aJWGRHGLGFZO-6MFPrg9fk20_XLmflKloyO72z3uMHRo5vZWGQIFXKHJhIu244\
    lZh39M0x1Q8Cgoj9jc0qK2Bo9j3bTDaDWzhLIFM-7-04cWjo8sxq2j8-o2kICZ4Ktu8qq9bVzn8yzINlmLxeOIMIECqUqGiUDTFG\
    v9PkVtbplWl0tZG2cCBxN2jSfeMi-Uv2C7DCGVfXJT5v_cAE-awHozLF1kuG29d3kj410cdGg4y6i0S-cYm6YjA_sbvhaLG26vl3\
    61GbSGCi8LllOjYfoUIK6aVNWVMa_Lhj7vVf8cBTYQ",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "with a zero byte before it",
        signature: "ALegMio0OEIuT0WxEHb2uwMjPeDNLfE4ndHV4qEpljXaMjIbZIxjCCREsf_sQ7c3dsk5Vlx0Cc9u1bjQxEQcKklCjruZVWLL9riP\
    EzNtOMeRfd1x0RmlxSFhybOTlltAST2hAzoMfqsravJrJmFS_GX4HXdz8niDU5Y8Dq4v_pu0279XxjUv8fvh3MeJV88z1xyGkmzD\
    GzS_2mN9mg7dzi2WyVfYtWvwKse82Ddkvq0qwhM-IMNuptpRCXSVDf_QWRzcRQOH_S3sTPv7eDpuWqb2v-11gkQhNHKfdudBGZyC\
    xNY6lRzZQW5JZjzrpgUlZ5Tzfsxqe5O_VkrWGSx7-zo",
    },
    Crafted {
        algorithm: "RS256",
        verifies: false,
        what: "with PSS encoding",
        signature: "itQd-8ptLr2dVbUzYBPcd2CiE2Ev9lnCn1SRZ246O6TAhe-xWHlT9Y6rVUV-1yK-S1aPMxMdcBw247Kgs_e9kvgdrNJlrOnAHzpf\
    cpO1jPs5YeCknYw9C9ilf8JqJYidTU7CA3rHJiHUmcUqR1_y4Mi-Wn50d3LeSkAY5N6Gzdce_ft_bTo6Q-ZZDJFZMC-V-cZXE0ge\
    7zBrGBlkCOU7U3UObgGFo3eqsYg-vQ56Avw1VXTxaxJIZJmgMMLaTO0Ai3M3-Gfy9qYZJE1YCiB9YA1qtXNHTuaxUaaXphRVRLfS\
    D-dCFZC76TeMMXaNOObVKn5xMaY5C4AZMlQrvaLTxg",
    },
    Crafted {
        algorithm: "PS256",
        verifies: true,
        what: "with a salt of 32 bytes",
        signature: "RPGNCCbspZtTDFTo35x7r9M71ljNVmlAk8OFIbeIaBv1NiUXzyxDxAM15TsJmCFeFYsxt4XKx6_y0UvWHGzzT7hYg_DuX99ZlpsY\
    YPLgKmTciQEIZ-9VR3WEgDf4EdcuWSLd5uGacrOT3W-zLcQdKkyHYKSs2paMrOF5OLNzNZ6SxOWhl2jPQ4CcSlHwFZqgelesyp_B\
    6_lHw650xl-Sss0BhW0uRbAC4O_eoOLMiyk8Q4eTQOyZNwwphYzhx_dU4cYvRhgwsc1Yy-0TG8ZuK1bbmDlrAP7g-9fk02Dr8FoW\
    ttTwxkLZqcHL_0Iu1e2n8PHUBpMrezjIJB_TnIUWaA",
    },
    Crafted {
        algorithm: "PS256",
        verifies: false,
        what: "without salt",
        signature: "m9OfJVsZz5xI0ssFHxgkf6CauB5SCaNv_v_Y33NaO-wQDWDJndHcL-AP0xrvV-AAjWWL2jaCmWumq6ayE6y4QR5NYkQ7NLyiWwlw\
    R8RFYwBGOLjkTmEi-IuKjVPjy9L30cdTfaut6mlWtF9NTKSXE8OfZrYx8XMKF8U8M6Ej1YnwJmtD7f7S_8FlBWP1BA1XT2ppRiyP\
    -SMDhpFZ_P1CF2eLcolxKQSObgYEfTIq6SaFJp9SlNXuUMfAgeUiwqnrFnu4EbRXJtkGkCrWzOTtn-YUzRGGDx9U_EcNJCSMMGM7\
    BxZWGC3Gm67NRDYcgVqVPdCWTs2QlVmk_sbW4XtbUA",
    },
    Crafted {
        algorithm: "PS256",
        verifies: false,
        what: "with a salt of 20 bytes",
        signature: "qoiNxnkuhW3DMEDOuMQF6cmOjF3VtWFLQn_Eo3Ef_TSRPLtHAHnNzYHN4_Uks9qZ0gYzlF7CdqhNPOTo2HZlCAWIekbw_uFGH93d\
    rt9mcoaDjmVF33LZmLtL2k-qASzeAGcy7nY-NoGzk3NcThf7Pdh7ehyZsYbfoKkAHG2AUnI6xriIC4MYlmbNny2sL-HjidFlWF9u\
    uFM8fgxReB2WyIoN65PoZvKfmG7I7PuqapODgBNSLGIoF-6SpDY1_rWP5S1BHf7WNsoSh8pPY55ZLhygFkwpECVJaKRDprXfuxwg\
    jBD9063V2rpPP3qqbFlQw6l4aF64UY352fU5a_lxTg",
    },
    Crafted {
        algorithm: "PS256",
        verifies: false,
        what: "with a salt of 31 bytes",
        signature: "Ab_o9BbbIRnF3qIkpC59tED5whYNSlmVeIjzGSQNNhl3Mdq-CepJ-TOGmM9ZYcaC6RstAFkb7NbKMXqfnv5USLbwttLT4u7XG_Ak\
    7z7yYETg5Q_Xl3x7xQwiBtkSJ2lUaBBjfr5OkXpbKoci9LVVxtIekbsBZj1zQFCmf4unwN8AuTcc5lsGvjSuwQDZ8MibzfCDgE-P\
    V8O6xZPQ8X0hMFs4YsGCoUe8Ox4jSW1nvDgsLwQOqdM62TR8sJ8b0YlVU1ZeAtOyhqHcabBxy_JUVIfUQmECUDT0S4wqX3AtV4nA\
    moeWAOXy7E4-6czXAx4D9i8dUCokgfjb6dTHVLeWRg",
    },
    Crafted {
        algorithm: "PS256",
        verifies: false,
        what: "with a salt of 33 bytes",
        signature: "iwxIfb7xgCwjOH2RmAHFm0UuA8TbD93Kf1RUOCn_TeQn5_41r3_lImdmxcqdCr6lxYDEIDOkQoglRBm2ZaKFmN6QqtuLOZPDPRR3\
    bvp7nEoizPVLuqnjdybl77f_mzVqoOqX_m61LUgHwqK3oIVCPuMf2JHVjGHU4IB7elQrK4Aaysk8EPFT3UcW3wNGkhad4gM1h73M\
    1BW_P2JFgOVDbmVpLNCFW5ERs6AN0lDOGlBy6XnaOcfhOt8RwiXFvflQSA6An-uKSFnOBPxtgr6YvYNzl9n4iI1Xqawyy2Ng2WVl\
    dsPRMyx-erP6ZsaURh-FeL5qnqFk7ChTddX7pO5u6w",
    },
    Crafted {
        algorithm: "PS256",
        verifies: false,
        what: "with the longest salt",
        signature: "M58EXh-GZju-TIRNHYMjeZXXwvv_Xjt6BnVewur2YvBZ8vIL0MXdGCaYKvI-i77hpp_Zc9SvU1GtJt_ui7KrESflNPa7FQKU6f6w\
    fUG1FCna-eAd3HG9u9F58vATNwYPTBaG9RZHaxA94hiUWzYgDQCKy6QkONZH6yEFTOxOfYqEiTZn0Ch0i9EXumLSbhaUkwZ8ON0A\
    D-kRpBi_bTZDkOtNkoeKv3n5Z0_YKwYjHF5b3tLKAIGfkUHE5HB-y15qpq0v0PMXoJic-V_sbzOsrpedvwNbXSSlESFwhL1lFmRE\
    X2NJU-uwqvq9TOw96sNdrSoaFHS3KLqFPqyrnxqq2A",
    },
    Crafted {
        algorithm: "PS256",
        verifies: false,
        what: "with MGF1 over SHA-1",
        signature: "XPUukLKm-USaNI4tqq8jIXxQmx8jKnbEeaB4MMFGq2Fy0Kq4FTAFkCvEASwP4sHjKCODVPCz27EZ_8lbv8YGXOhchM5yen5Q_YRw\
    wLxAVLBOYtpMpR287kzG4uDVmZqGtD4hmcAiI5qqbGzZToQtwtE5UPfLEzWec-AbTNvKcfy3z709OPYEtGfDLv122X1_IvQj6K6_\
    4oxI7WsQJyoVya0l5rlNtU7p4FBdAbnAFTadUpod0nN627hQ0u7amOcxlB-fVgIntinaKTPwVPCCXbKv_UmXpxblNVjiWsV05w4l\
    IYogzYr2b6Ov_VJ6rrf2TCKxBLHXBSNVXE01PQ77ow",
    },
    Crafted {
        algorithm: "PS256",
        verifies: false,
        what: "over SHA-512",
        signature: "CMSXaBoClwWmnIy4NAzEAGOwmBSiNJXm1_aBNn2kvJIDBSBCOZHxsehIr0Y0b_yrRdHoSc_6790UIR3m7GfUDa9vrN8FK__tr4GT\
    6g5WbLj4WbcvzfDu0pNHqFMn2rd6048D24PEipvRQtvYk8-UIiRu7Eo8Ax92FdwG4F4JO9GKX_OafI4XCWiXetbvETrmhF8rENLj\
    ff5J-Tgyo2PCkd3ObpI3P67fsiOvY0ulWyzczq8n5zOW_lwV-DLgBtuYcdX69zr6LV8ZjMSliTvXqUXqpe-KvWwGhVO3hm38miGe\
    wO3ywJXaMR-2GDgFQmmSbCsQjA6ztUq8SXHcDf-yow",
    },
    Crafted {
        algorithm: "PS256",
        verifies: false,
        what: "with another trailer",
        signature: "G3GAEHVoM5MTrnKE_Z6eRQtXx89Cx6r-e9rbWCWoJVW4cdR11gR8XCSbsIGaY80GmU1kVMVw2Qvt11SgobnQtdErsmgsUDuNz0_6\
    oveYdf8SqjMyUAHQFBZswHK_4wyvJC3JsAswb_yIllYH4gvA-MiMUJInaFFefFVw4__uBwv8z6Q1kOrJzv9YQqSSltj9PI54Ya01\
    0MQUhodJuvPgI95j846K5ImN2p54IU_8eFZBGrCzuXg-_89sjiwU-Bl2-P9JRt9nvCMR00jVeoNSrTvKP2iPmFixrpSMvBCYDckq\
    s4tzxj9xGt7Cu-WiNu1YP7V7uRxchJoAn7Kuifm35A",
    },
    Crafted {
        algorithm: "PS256",
        verifies: false,
        what: "with PKCS #1 v1.5 encoding",
        signature: "nif7iM3xmf8yAvq5pzlrGS4LUq5mffvYpIh1k-33gRDJt-fXJZxwNqWc_L7PLJUUPjW8BofgOUBSxIufmKK_Qh3Xc85L5td-INJb\
    8GKWyG3IdgKkvUZilOrDG0FMs1OFW-vSOW1mCm1X5U6cmTR_naETAApOgWW4-VKjlGJwmZ6w1qpi6qWGqQiNA1R7pmfmBdy89Db1\
    y8tLZjE5WHLTTbXkzcB9CSfG4mYB_EepXsURdv56tL4K38ZnexEZ5IFsBLvWSBiYIiJK7ZfSzA8PmTGnEtK1vPmN12aDmLRE1zQA\
    OCdBSZgAzRGe6fnthd-W7BrXAbIkaNJJi1qAwrq8ug",
    },
    Crafted {
        algorithm: "PS384",
        verifies: true,
        what: "with a salt of 48 bytes",
        signature: "lXUqmdXyZ2p592F1zsO8IAgQVe4QBY1FxfDVY4guehDsBFtaLSN_QrqRyCFwWagvmtvynxNlqSz2RbZoA1pv9n5AOYw3Dfl619rG\
    7JOivCOZxE6f9onorikrUsCYSzovz0n1DUMOh54yXrvdP8TzNIV8yudrCaksZ9gtE4j_5tWAs6FaxPobKTyJivjbzpFS4rRjEk7Y\
    ww0OnTDD1cD2xQjI7X8kzBnfsTO_NFfLqEq0EMLCOwgD44gOtfU8pqNwbxvekGyNGDI6z37WMaDer6RM_ddnSW0rKv5TEL2Bpopl\
    pu0XFC8SH6PlymO4ybL34izfyQYwVJP4PkooNi3GRw",
    },
    Crafted {
        algorithm: "PS384",
        verifies: false,
        what: "with a salt of 32 bytes",
        signature: "Gvch1npVwKJjsZFD9UoHiWqLJOjoiX-G6E8i93FyBKcIpMLtCXHolWch3GRabAscPZbrwBWoy7eAbWuFNEHysOMAlyt__xgWOBZJ\
    QQgOfqZW9JgNJcveYYGusCLP7Fcuh9Z30JDmM5xiHMKfV1yjM9MrHKJ6wmvIjZ6ursTCMLAAn2Z3emubflQXBh0YCjjp-1JKtLTL\
    imK0q2_41qqmtiKdG2W1FzCcVvtSf8V5SL7ztEEvp9iS0yAWG8HICwHBjgI3Na7fTBkgtvAF2aZPs1RIt2XZrweFAE1iY2wepCkh\
    aS6UalvYurxiHazfVEQLvNwmEhuphtKzx6feCmDp-g",
    },
    Crafted {
        algorithm: "PS512",
        verifies: true,
        what: "with a salt of 64 bytes",
        signature: "wHm9pShG63Mm3HzAzJnG5t005sBwqRY-ghHLeU2YLP75jct-KA1ajCodx-MzWH_WznPHBP5Ea-TtKYZHKsXE35PK2RW74FlFWMDz\
    -JGcVPA-C8z0dxBtKNVTbfswX4UMAcdmpC1Ngacy8AApbOL8NIVhLmydgo8bbSKjdUtbipCjIwUfKOE2qzSHAzaPJ6Q9wIicU3RJ\
    QvbTU9a7ZIh9V0Dk8Y60ZF1a25f_WJKq_pxozeMZMzkms0LsuYyj1B21XrVV5GNXMTbjaznKuT3YXFbQr149WB-X-egaVYvhwmDp\
    H3RYBPqXnrtApUO-PaYW4cj0T8uK0oh53G6xebBvFg",
    },
    Crafted {
        algorithm: "PS512",
        verifies: false,
        what: "with a salt of 32 bytes",
        signature: "Q5luyujYe9Ynt54hKAiVkGmiMro9BcQs7geYpUGSgWVKQoS1g8wbBrXDue-s6C1m7M_vTxMeF2a4TTUMmfOs_IjErr7raocPqYj9\
    VB9xkLQxS_QEQLsAtGcI4Jzy3WWXOGbb6HvKiQ3cibGxLqZeIwCXMmTFzQis0z-U4FoF1UH6zzvAx373_T3xyQaFK1uN0nLmIsik\
    QuwGlPazLNw64uwZt10K4msTr4hipTMvPzEz_6-znQEt97YxCflH2JltWOMaS_uEuIORuq54T8OwzsZoJFvjNgBwB6KFat9LJo2o\
    8kmaQxL0lTkyYew_jIcU0NzFlgPquxuXyW47NIvAng",
    },
];
